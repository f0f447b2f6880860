//! What a bundle says about its job and its splits, outside a task.

use std::time::Duration;

use wasmill_types::batch::Blobs;
use wasmill_types::id::OperatorId;
use wasmill_types::job::{
    Chaining, ConnectorSpec, EdgeSpec, JobSpec, OperatorKind, OperatorSpec, Partitioning,
    StateKind, StateSpec,
};
use wasmill_wasm::{DescribeError, Limits};

use crate::guest::Guest;
use crate::image::Image;
use crate::recorder::Bench;

/// A guest whose `describe` returns what the image has at `result`.
fn describing(image: &Image, result: u32) -> Guest {
    Guest::default()
        .data(image.base(), image.bytes())
        .function("job#describe", format!("(i32.const {result})"))
}

fn describe(limits: Limits, guest: &Guest) -> Result<JobSpec, DescribeError> {
    let bench = Bench::new();
    bench.load(guest).describe(&["a".to_owned()], &limits)
}

/// The operator `id` of this kind (case, then the words of a connector), with nothing optional.
fn bare(image: &mut Image, id: u32, kind: [u32; 5]) -> Vec<u32> {
    let [name, len] = image.text(["zero", "one", "two", "three"][id as usize]);
    let [case, connector, connector_len, options, options_len] = kind;
    let mut words = vec![
        id,
        name,
        len,
        case,
        connector,
        connector_len,
        options,
        options_len,
    ];
    // Chaining `never`, no states, and six times `none`.
    words.extend([2, 0, 0]);
    words.extend([0; 15]);
    words
}

/// A graph with every kind of operator, of which `one` has everything that there is.
fn every_kind(image: &mut Image) -> u32 {
    let [file, file_len] = image.text("file");
    let ([key, key_len], [value, value_len]) = (image.text("path"), image.text("/tmp/ä"));
    let options = image.words(&[key, key_len, value, value_len]);
    let [state_name, state_len] = image.text("counts");
    // The lifetime behind its flag is of 64 bits.
    let [types, types_len] = image.text("String -> u64");
    let of_types = [1, types, types_len, 0];
    let counts = [5, state_name, state_len, 2, 1, 0, 60_000, 0];
    let states = image.words(&[counts.as_slice(), &of_types].concat());
    let [one, one_len] = image.text("one");
    let [uid, uid_len] = image.text("uid-1");
    let [group, group_len] = image.text("group");
    let [together, together_len] = image.text("together");
    let mut operators = bare(image, 0, [0, file, file_len, options, 1]);
    operators.extend([1, one, one_len, 2, 0, 0, 0, 0, 0]);
    operators.extend([states, 1, 1, uid, uid_len, 1, 4]);
    operators.extend([
        1,
        128,
        1,
        group,
        group_len,
        1,
        together,
        together_len,
        1,
        200,
    ]);
    operators.extend(bare(image, 2, [1, file, file_len, 0, 0]));
    operators.extend(bare(image, 3, [3, 0, 0, 0, 0]));
    let operators = image.words(&operators);
    let [format, format_len] = image.text("text");
    let mut edges = Vec::new();
    for partitioning in 0..8 {
        edges.extend([0, 1, 2, 3, partitioning, format, format_len]);
    }
    let edges = image.words(&edges);
    let [name, name_len] = image.text("Word Count");
    image.words(&[0, name, name_len, operators, 4, edges, 8, 1, 2])
}

/// The operators of [`every_kind`].
fn expected_operators() -> Vec<OperatorSpec> {
    let bare = |id, name: &str, kind| OperatorSpec {
        id: OperatorId(id),
        name: name.to_owned(),
        kind,
        chaining: Chaining::Never,
        states: vec![],
        uid: None,
        parallelism: None,
        max_parallelism: None,
        slot_sharing_group: None,
        co_location: None,
        watermark_interval: None,
    };
    let connector = |options| ConnectorSpec {
        name: "file".to_owned(),
        options,
    };
    let path = vec![("path".to_owned(), "/tmp/ä".to_owned())];
    let text = |text: &str| Some(text.to_owned());
    let counts = StateSpec {
        id: 5,
        name: "counts".to_owned(),
        kind: StateKind::Map,
        ttl: Some(60_000),
        schema: Some("String -> u64".to_owned()),
    };
    let one = OperatorSpec {
        chaining: Chaining::Always,
        states: vec![counts],
        uid: text("uid-1"),
        parallelism: Some(4),
        max_parallelism: Some(128),
        slot_sharing_group: text("group"),
        co_location: text("together"),
        watermark_interval: Some(200),
        ..bare(1, "one", OperatorKind::Guest)
    };
    vec![
        bare(0, "zero", OperatorKind::SourceConnector(connector(path))),
        one,
        bare(2, "two", OperatorKind::SinkConnector(connector(vec![]))),
        bare(3, "three", OperatorKind::GuestSource),
    ]
}

#[test]
fn a_graph_comes_out_as_the_guest_built_it() {
    let mut image = Image::at(4096);
    let graph = every_kind(&mut image);
    let edges = [
        Partitioning::Forward,
        Partitioning::Hash,
        Partitioning::Rebalance,
        Partitioning::Rescale,
        Partitioning::Shuffle,
        Partitioning::Broadcast,
        Partitioning::Global,
        Partitioning::Custom,
    ];
    let edge = |partitioning| EdgeSpec {
        upstream: OperatorId(0),
        output: 1,
        downstream: OperatorId(2),
        input: 3,
        partitioning,
        format: "text".to_owned(),
    };
    let expected = JobSpec {
        name: "Word Count".to_owned(),
        operators: expected_operators(),
        edges: edges.map(edge).to_vec(),
        parallelism: Some(2),
    };
    let described = describe(Limits::default(), &describing(&image, graph)).unwrap();
    assert_eq!(described, expected);
}

#[test]
fn a_program_that_cannot_describe_its_job_says_why() {
    let mut image = Image::at(4096);
    let [text, len] = image.text("the argument `--input` is missing");
    let error = image.words(&[1, text, len]);
    let many = image.words(&[0, 0, 0, 0, 0, 8192, 100, 0, 0]);
    let long = image.words(&[0, 8192, 2000, 0, 0, 0, 0, 0, 0]);
    let short = Duration::from_millis(20);
    let limits = Limits {
        describe_deadline: short,
        graph_items: 99,
        graph_text_bytes: 1999,
        ..Limits::default()
    };
    let emit = "(call $mark_idle) (call $ok)".to_owned();
    for (name, body, kind, said) in [
        (
            "an error",
            format!("(i32.const {error})"),
            "Program",
            "the program could not describe its job: the argument `--input` is missing",
        ),
        (
            "a trap",
            "unreachable".to_owned(),
            "Trap",
            "the program broke while it described its job: the bundle's code trapped: wasm \
             `unreachable` instruction executed\n  in ",
        ),
        (
            "a spin",
            "(loop $again (br $again)) (call $ok)".to_owned(),
            "Limit",
            "the program exceeded the limit `wasm.describe-deadline` while it described its job: one",
        ),
        (
            "too many edges",
            format!("(i32.const {many})"),
            "Limit",
            "the graph has 100 operators, edges, states and options, 99 are allowed",
        ),
        (
            "too much text",
            format!("(i32.const {long})"),
            "Limit",
            "the graph has 2000 bytes of text, 1999 are allowed",
        ),
        (
            "an import that needs a task",
            emit,
            "Contract",
            "it called `output.mark-idle` during `describe`, where there is no task",
        ),
        (
            "a broken result",
            "(i32.const -8)".to_owned(),
            "Contract",
            "the bundle broke the contract while it described its job: pointer out of bounds",
        ),
    ] {
        let guest = Guest::default()
            .data(image.base(), image.bytes())
            .function("job#describe", body);
        let failure = describe(limits.clone(), &guest).unwrap_err();
        assert!(
            format!("{failure:?}").starts_with(kind),
            "{name}: {failure:?}"
        );
        assert!(failure.to_string().contains(said), "{name}: {failure}");
    }
}

#[test]
fn a_description_depends_on_its_arguments_alone() {
    // The name of the graph is what the guest got as time and as a random number, and its first argument
    // behind them.
    let body = "
      (i64.store (i32.const 8192) (call $now))
      (i64.store (i32.const 8200) (i64.and (call $random) (i64.const 0x7f7f7f7f7f7f7f7f)))
      (memory.copy (i32.const 8208) (i32.load (local.get $args)) (i32.const 1))
      (i32.store (i32.const 4100) (i32.const 8192))
      (i32.store (i32.const 4104) (i32.const 17))
      (i32.const 4096)";
    let bundle = Bench::new().load(&Guest::default().function("job#describe", body));
    let describe = |arg: &str| {
        let described = bundle.describe(&[arg.to_owned()], &Limits::default());
        described.unwrap().name
    };
    let name = describe("a");
    assert!(name.starts_with("\0\0\0\0\0\0\0\0"));
    assert!(name.ends_with('a'));
    assert_eq!(describe("a"), name);
    assert_ne!(describe("b"), name);
}

#[test]
fn a_source_divides_its_input() {
    let mut image = Image::at(4096);
    let ends = image.words(&[1, 3]);
    let data = image.put(1, b"abc");
    let good = image.words(&[0, ends, 2, data, 3]);
    let broken = image.words(&[0, ends, 1, data, 3]);
    let body = format!(
        "(if (i32.eq (local.get $operator) (i32.const 9)) (then unreachable))
         (select (i32.const {good}) (i32.const {broken})
           (i32.eq (local.get $parallelism) (i32.const 2)))"
    );
    let guest = Guest::default()
        .with_source()
        .data(image.base(), image.bytes())
        .function("source#splits", body);
    let bench = Bench::new();
    let bundle = bench.load(&guest);
    assert!(bundle.has_source());
    let few = Limits {
        splits: 1,
        ..Limits::default()
    };
    let splits = |operator, parallelism, limits| {
        let operator = OperatorId(operator);
        let splits = bundle.source_splits(&[], operator, parallelism, limits);
        splits.map_err(|failure| failure.to_string())
    };
    let expected: Blobs = [b"a".as_slice(), b"bc"].into_iter().collect();
    assert_eq!(splits(1, 2, &bench.limits), Ok(expected));
    for (operator, parallelism, limits, said) in [
        (
            9,
            2,
            &bench.limits,
            "the bundle's code trapped: wasm `unreachable`",
        ),
        (
            1,
            3,
            &bench.limits,
            "the splits of a source: the last record ends at byte 1 of 3",
        ),
        (
            1,
            2,
            &few,
            "`wasm.splits`: the source made 2 splits, 1 are allowed",
        ),
    ] {
        let failure = splits(operator, parallelism, limits).unwrap_err();
        assert!(failure.contains(said), "{failure}");
    }
}

#[test]
fn a_bundle_without_a_source_has_no_splits() {
    let bench = Bench::new();
    let bundle = bench.load(&Guest::default());
    assert!(!bundle.has_source());
    let failure = bundle
        .source_splits(&[], OperatorId(0), 1, &bench.limits)
        .unwrap_err();
    let said = "the bundle does not export `wasmill:dataflow/source`";
    assert!(failure.to_string().contains(said), "{failure}");
}
