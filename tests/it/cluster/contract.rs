//! The REST interface keeps to its OpenAPI document, as Schemathesis sees it: it makes requests from the
//! document, good ones and bad ones, and compares the answers with it.
//!
//! `scripts/setup.sh --test` installs it, in the versions of `tests/tools/schemathesis.txt`.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::{submit, texts};
use crate::harness::{Cluster, bundle, root};

/// What every answer is checked for.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance";

/// The versions that the checkout asks for, and a copy of it beside what was installed.
const VERSIONS: &str = "schemathesis.txt";

/// The program, as `scripts/setup.sh` has installed it.
fn schemathesis() -> PathBuf {
    let cache = env::var_os("XDG_CACHE_HOME").filter(|dir| !dir.is_empty());
    let cache = cache.map(PathBuf::from).unwrap_or_else(|| {
        let home = env::var_os("HOME").expect("the user has a home directory");
        Path::new(&home).join(".cache")
    });
    let installed = cache.join("wasmill/schemathesis");
    let found = fs::read_to_string(installed.join(VERSIONS)).ok();
    let wanted = fs::read_to_string(root().join("tests/tools").join(VERSIONS)).unwrap();
    assert!(
        found == Some(wanted),
        "{} has not the versions of tests/tools/{VERSIONS}; run `scripts/setup.sh --test`",
        installed.display()
    );
    installed.join("bin/schemathesis")
}

/// Runs it over the document, with a configuration and some more options.
fn check(cluster: &Cluster, config: &str, more: &[&str]) {
    let dir = cluster.dir();
    let (settings, document) = (dir.join("schemathesis.toml"), dir.join("openapi.json"));
    fs::write(&settings, config).unwrap();
    fs::write(&document, cluster.get("/openapi.json").to_string()).unwrap();
    let mut command = Command::new(schemathesis());
    command.arg("--config-file").arg(settings);
    command
        .arg("run")
        .arg(document)
        .args(["--url", &cluster.url]);
    // A run that ends in time, and is the same each time; what ends the cluster is left out.
    command.args(["--checks", CHECKS, "--exclude-path", "/v1/cluster"]);
    command.args(["--seed", "1", "--request-timeout", "30"]);
    command
        .args(["--no-color", "--max-failures", "10"])
        .args(more);
    // Hypothesis keeps its database where it runs.
    let output = command.current_dir(dir).output().unwrap();
    let said =
        [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
    assert!(output.status.success(), "{}{}", said[0], said[1]);
}

/// What the parameters of paths are, so that there is something behind them.
fn of_a_job(cluster: &Cluster) -> String {
    let texts = texts(cluster.dir(), 1, 100);
    let job = submit(cluster, &texts, "2");
    assert_eq!(cluster.until(&job, &["FINISHED", "FAILED"]), "FINISHED");
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let vertex = text(&cluster.get(&format!("/jobs/{job}"))["vertices"][0]["id"]);
    let upload = cluster.client(["upload"]).arg(bundle("word-count")).end();
    let bundle = upload.with_code(0).stdout.trim().to_owned();
    format!(
        "[parameters]\n\"path.jobid\" = \"{job}\"\n\"path.vertexid\" = \"{vertex}\"\n\"path.jarid\" = \"{bundle}\"\n\
         \"path.taskmanagerid\" = \"tm-1\"\n\"path.subtaskindex\" = 0\n\"path.attempt\" = 0\n"
    )
}

#[test]
fn every_answer_is_one_that_the_document_has() {
    let mut cluster = Cluster::with_tokens("");
    cluster.join("tm-1", 2);
    cluster.until_joined(1);
    let admin = format!("Authorization: Bearer {}", cluster.bearer);
    let parameters = of_a_job(&cluster);
    // What is there must not be removed while others ask for it.
    let more = [
        "--max-examples",
        "5",
        "--header",
        &admin,
        "--exclude-method",
        "DELETE",
    ];
    check(&cluster, &parameters, &more);
    check(&cluster, "", &["--max-examples", "2", "--header", &admin]);
    // Without a token everything is refused, in a way that the document has too.
    check(&cluster, "", &["--max-examples", "1"]);
    assert_eq!(cluster.get("/overview")["taskmanagers"], 1);
    let logged = cluster.logged("jobmanager");
    for word in [" ERROR ", "panicked"] {
        assert!(!logged.contains(word), "{logged}");
    }
}
