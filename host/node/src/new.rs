//! `wasmill new NAME`: the crate that a newcomer starts from.

use std::path::Path;

use wasmill_toolchain::{SdkSource, new_project};

use crate::cli::NewArgs;
use crate::failure::{Exit, Failure, story};
use crate::stdout;

/// Makes the crate and says how to go on.
pub(crate) fn perform(args: &NewArgs) -> Result<Exit, Failure> {
    let name = args.path.file_name().and_then(|name| name.to_str());
    let Some(name) = name else {
        let path = args.path.display();
        return Err(Failure::unusable(format!(
            "`{path}` does not end in a name; take one like `word-count`"
        )));
    };
    let parent = args.path.parent().unwrap_or_else(|| Path::new(""));
    let made = new_project(parent, name, &SdkSource::of_this_build());
    let dir = made.map_err(|error| Failure::unusable(story(&error)))?;
    let dir = dir.display();
    stdout::print(&format!(
        "made {dir}, a job that counts words; go on with\n\n  \
         cd {dir}\n  \
         cargo test\n  \
         wasmill build\n  \
         wasmill run --local target/wasmill/{name}.wasm -- --input README.md --output counts\n"
    ))?;
    Ok(Exit::Finished)
}
