//! Runs jobs natively in tests.
use crate::env::Main;
/// The graph of a job, or why it has none.
///
/// # Errors
/// The program's error.
pub fn describe(
    main: Main,
    args: &[&str],
) -> Result<crate::bindings::exports::wasmill::dataflow::job::JobGraph, String> {
    let args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
    crate::env::describe(main, &args)
}
