//! Every decoder of bytes from a peer, a guest or a file, as a target for fuzzing.
//!
//! [`TARGETS`] is the table. `make test` runs each on its seeds, changed at random in a repeatable way
//! (`smoke`); `make fuzz` runs them under libFuzzer (`libfuzzer/`), for as long as one likes. Invariant: a
//! target takes any bytes and returns; what it must not do is panic, hang, or take memory that the bytes
//! do not pay for.

mod files;
mod guests;
mod peers;
#[cfg(test)]
mod smoke;

/// A decoder.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// What it is called.
    pub name: &'static str,
    /// Decodes bytes.
    pub run: fn(&[u8]),
    /// Bytes that it takes, to begin with.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

/// All decoders.
pub const TARGETS: &[Target] = &[
    target_of(
        "frames",
        wasmill_network::remote::fuzz::frames,
        peers::frames,
    ),
    target_of(
        "credits",
        wasmill_network::remote::fuzz::control,
        peers::control,
    ),
    target_of(
        "greeting",
        wasmill_network::endpoint::fuzz::greeting,
        peers::greeting,
    ),
    target_of("hello", wasmill_rpc::fuzz::hello, peers::hello),
    target_of("messages", wasmill_rpc::fuzz::message, peers::messages),
    target_of("join-token", peers::join_token, peers::join_tokens),
    target_of("bundle", wasmill_wasm::fuzz::bundle, guests::bundles),
    target_of("columns", guests::columns, guests::some_columns),
    target_of("graph", guests::graph, guests::graphs),
    target_of("schema", guests::schema, guests::schemas),
    target_of("codecs", guests::codecs, guests::records),
    target_of(
        "checkpoint-metadata",
        wasmill_checkpoint::fuzz::metadata,
        wasmill_checkpoint::fuzz::metadata_seeds,
    ),
    target_of("compiled-code", wasmill_wasm::fuzz::cache_entry, Vec::new),
    target_of("tokens-file", files::tokens, files::tokens_files),
    target_of("input-file", files::input, files::inputs),
    target_of("options", files::options, files::some_options),
];

/// The target with this name.
pub fn target(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|target| target.name == name)
}

const fn target_of(name: &'static str, run: fn(&[u8]), seeds: fn() -> Vec<Vec<u8>>) -> Target {
    Target { name, run, seeds }
}
