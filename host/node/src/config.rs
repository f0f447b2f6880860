//! The configuration of a node: `default.toml`, under a file, under the environment, under flags.
//!
//! The commands `jobmanager`, `taskmanager` and `cluster` read it once at their start. Invariants: every key
//! stands in `default.toml`, which is what the documentation shows; a key that does not is an error that
//! names the nearest one; a value keeps the type that its default has.

mod layers;
mod sections;

use std::env;
use std::path::{Path, PathBuf};

use crate::cli::ConfigArgs;
use crate::failure::{Exit, Failure};
use crate::stdout;

pub(crate) use layers::Layers;
pub(crate) use sections::{
    Config, LogSection, Provider, RestartSection, RestartStrategy, SlotStrategy, TaskManagerSection,
};

/// All keys with their defaults and what they mean.
pub(crate) const DEFAULT: &str = include_str!("../default.toml");

/// Names the file.
const FILE_VARIABLE: &str = "WASMILL_CONFIG";

/// What every variable that sets a key starts with.
const VARIABLE_START: &str = "WASMILL__";

impl Config {
    /// Reads the configuration: defaults, file, environment, and then `flags` as pairs of a key
    /// (`section.key`) and its text.
    pub(crate) fn read(file: Option<&Path>, flags: &[(&str, String)]) -> Result<Self, Failure> {
        let from_variable = || env::var_os(FILE_VARIABLE).map(PathBuf::from);
        let file = file.map(Path::to_owned).or_else(from_variable);
        let mut layers = Layers::new(DEFAULT);
        if let Some(file) = file.filter(|file| !file.as_os_str().is_empty()) {
            let text = std::fs::read_to_string(&file).map_err(|error| {
                let file = file.display();
                Failure::unusable(format!("read the configuration `{file}`: {error}"))
            })?;
            let shown = file.display().to_string();
            layers.file(&shown, &text).map_err(Failure::unusable)?;
        }
        let variables = env::vars_os().filter_map(|(name, value)| {
            let name = name.into_string().ok()?;
            Some((name, value.into_string().ok()?))
        });
        for (name, value) in variables {
            if let Some(key) = name.strip_prefix(VARIABLE_START) {
                let key = key
                    .to_ascii_lowercase()
                    .replace("__", ".")
                    .replace('_', "-");
                let set = layers.text(&key, &value);
                set.map_err(|error| Failure::unusable(format!("variable {name}: {error}")))?;
            }
        }
        for (key, value) in flags {
            let set = layers.text(key, value);
            set.map_err(|error| Failure::unusable(format!("{key}: {error}")))?;
        }
        let entries = layers.entries();
        let mut config = layers.read::<Self>().map_err(Failure::unusable)?;
        config.entries = entries;
        Ok(config)
    }
}

/// Prints the configuration: the defaults with their comments, or what holds here.
pub(crate) fn perform(args: &ConfigArgs) -> Result<Exit, Failure> {
    let Some(file) = &args.config else {
        stdout::print(DEFAULT)?;
        return Ok(Exit::Finished);
    };
    let config = Config::read(Some(file), &[])?;
    let lines = config
        .entries
        .iter()
        .map(|(key, value)| format!("{key} = {value}\n"));
    stdout::print(&lines.collect::<String>())?;
    Ok(Exit::Finished)
}
