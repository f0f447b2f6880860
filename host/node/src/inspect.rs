//! `wasmill inspect BUNDLE`: what is in the file, and the graph that its program describes.
//!
//! Invariant: what is known about the file is printed even when its program describes no graph.

use serde_json::{Value, json};
use wasmill_actor::Clock;
use wasmill_graph::JobGraph;
use wasmill_graph::present;
use wasmill_wasm::Bundle;

use crate::cli::InspectArgs;
use crate::failure::{Exit, Failure};
use crate::quantity;
use crate::settings::Settings;
use crate::stdout;
use crate::submission::Submission;

/// Prints the bundle and its graph.
pub(crate) fn perform(args: &InspectArgs, clock: Clock) -> Result<Exit, Failure> {
    let settings = Settings {
        parallelism: args.parallelism,
        ..Settings::default()
    };
    let submission = Submission::local(args.bundle.clone(), args.args.clone(), settings);
    let bundle = submission.load(clock)?;
    let facts = Facts::of(args, &bundle);
    let graph = submission.graph(&bundle).map(|(_, graph)| graph);
    let usable = graph.as_ref().map_err(Failure::clone);
    let usable = usable.and_then(|graph| submission.check_connectors(graph));
    if args.json {
        stdout::print(&format!(
            "{:#}",
            facts.json(graph.as_ref().ok(), usable.as_ref().err())
        ))?;
    } else if args.dot {
        stdout::print(&present::dot(&graph?))?;
    } else {
        let table = graph.map(|graph| format!("\n{}", present::table(&graph)));
        stdout::print(&format!("{}{}", facts.rows(), table.unwrap_or_default()))?;
    }
    usable.map(|()| Exit::Finished)
}

/// What is known about a bundle without running it.
#[derive(Debug)]
struct Facts {
    name: String,
    path: String,
    bytes: u64,
    digest: String,
    imports: Vec<String>,
    exports: Vec<String>,
}

impl Facts {
    fn of(args: &InspectArgs, bundle: &Bundle) -> Self {
        let name = args.bundle.file_stem().unwrap_or_default();
        Self {
            name: name.to_string_lossy().into_owned(),
            path: args.bundle.display().to_string(),
            bytes: bundle.bytes(),
            digest: bundle.digest().to_string(),
            imports: bundle.imports().to_vec(),
            exports: bundle.exports().to_vec(),
        }
    }

    fn rows(&self) -> String {
        let size = format!(
            "{} ({} bytes)",
            quantity::bytes(self.bytes),
            quantity::count(self.bytes)
        );
        let mut text = format!(
            "bundle   {}\nsize     {size}\nsha256   {}\n",
            self.name, self.digest
        );
        for (label, names) in [("imports", &self.imports), ("exports", &self.exports)] {
            for (index, name) in names.iter().enumerate() {
                let label = if index == 0 { label } else { "" };
                text.push_str(&format!("{label:<9}{name}\n"));
            }
        }
        text
    }

    fn json(&self, graph: Option<&JobGraph>, failure: Option<&Failure>) -> Value {
        json!({
            "bundle": self.name,
            "path": self.path,
            "bytes": self.bytes,
            "digest": self.digest,
            "imports": self.imports,
            "exports": self.exports,
            "graph": graph.map(present::json),
            "plan": graph.map(|graph| present::plan_json(None, graph)),
            "error": failure.map(|failure| &failure.message),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts() -> Facts {
        Facts {
            name: "word-count".to_owned(),
            path: "a/word-count.wasm".to_owned(),
            bytes: 58_693,
            digest: "ab12".to_owned(),
            imports: vec!["p:q/output@0.1.0".to_owned(), "p:q/state@0.1.0".to_owned()],
            exports: vec!["p:q/job@0.1.0".to_owned()],
        }
    }

    #[test]
    fn the_facts_are_rows_under_labels() {
        let rows = "bundle   word-count\n\
                    size     57.3 KiB (58,693 bytes)\n\
                    sha256   ab12\n\
                    imports  p:q/output@0.1.0\n         p:q/state@0.1.0\n\
                    exports  p:q/job@0.1.0\n";
        assert_eq!(facts().rows(), rows);
    }

    #[test]
    fn without_a_graph_the_json_has_the_facts_and_the_error() {
        let json = facts().json(None, Some(&Failure::unusable("no `--input`")));
        assert_eq!(json["digest"], "ab12");
        assert_eq!(json["graph"], Value::Null);
        assert_eq!(json["error"], "no `--input`");
    }
}
