//! `wasmill build [DIR]`: from a job's crate to its bundle.

use std::env;
use std::path::{Path, PathBuf};

use wasmill_toolchain::{BuildError, BuildOptions, Built};

use crate::cli::BuildArgs;
use crate::failure::{Exit, Failure, story};
use crate::quantity;
use crate::screen::Screen;
use crate::stdout;

/// Builds the crate and says where its bundle is.
pub(crate) fn perform(args: &BuildArgs, screen: &Screen) -> Result<Exit, Failure> {
    let mut options = BuildOptions::new(&args.dir)
        .features(&args.features)
        .quiet(args.quiet);
    if let Some(dir) = &args.out_dir {
        options = options.out_dir(dir);
    }
    let mut progress = |line: &str| {
        if !args.quiet {
            screen.say(line);
        }
    };
    let built =
        wasmill_toolchain::build(&options, &mut progress).map_err(|error| failure(&error))?;
    let here = env::current_dir().unwrap_or_default();
    let path = seen_from(&here, &built.bundle);
    if args.quiet {
        stdout::print(&path.display().to_string())?;
    } else {
        stdout::print(&report(&built, &path))?;
    }
    Ok(Exit::Finished)
}

fn failure(error: &BuildError) -> Failure {
    match error {
        BuildError::NoManifest { .. } | BuildError::Workspace { .. } | BuildError::Route(_) => {
            Failure::unusable(story(error))
        }
        _ => Failure::failed(story(error)),
    }
}

fn report(built: &Built, path: &Path) -> String {
    let unchanged = if built.changed { "" } else { ", unchanged" };
    format!(
        "bundle  {path}\nsize    {size}{unchanged}\nstd     {std}\n",
        path = path.display(),
        size = quantity::bytes(built.bytes),
        std = built.std,
    )
}

/// The shorter way to name a path.
fn seen_from(here: &Path, path: &Path) -> PathBuf {
    path.strip_prefix(here).unwrap_or(path).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_below_the_current_directory_are_shown_from_there() {
        for (here, path, seen) in [
            ("/a", "/a/target/x.wasm", "target/x.wasm"),
            ("/a/b", "/a/target/x.wasm", "/a/target/x.wasm"),
            ("", "/a/x.wasm", "/a/x.wasm"),
        ] {
            assert_eq!(seen_from(Path::new(here), Path::new(path)), Path::new(seen));
        }
    }
}
