//! Guests for tests: a core module with all functions of the contract, of which a test writes those it
//! is about, made a component.

use std::collections::BTreeMap;

use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// All imports of the contract.
const IMPORTS: &str = r#"
  (import "wasmill:dataflow/output@0.1.0" "emit"
    (func $emit (param i32 i32 i32 i32 i32 i32 i32 i32 i32)))
  (import "wasmill:dataflow/output@0.1.0" "emit-watermark" (func $emit_watermark (param i64)))
  (import "wasmill:dataflow/output@0.1.0" "mark-idle" (func $mark_idle))
  (import "wasmill:dataflow/state@0.1.0" "get"
    (func $get (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)))
  (import "wasmill:dataflow/state@0.1.0" "write"
    (func $write (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)))
  (import "wasmill:dataflow/state@0.1.0" "scan"
    (func $scan (param i32 i32 i32 i32 i32 i32 i32 i32)))
  (import "wasmill:dataflow/timers@0.1.0" "register"
    (func $register (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)))
  (import "wasmill:dataflow/timers@0.1.0" "delete"
    (func $delete (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)))
  (import "wasmill:dataflow/context@0.1.0" "now" (func $now (result i64)))
  (import "wasmill:dataflow/context@0.1.0" "random" (func $random (result i64)))
  (import "wasmill:dataflow/context@0.1.0" "log" (func $log (param i32 i32 i32)))
  (import "wasmill:dataflow/context@0.1.0" "counter-add" (func $counter_add (param i32 i32 i64)))
  (import "wasmill:dataflow/context@0.1.0" "gauge-set" (func $gauge_set (param i32 i32 f64)))
  (import "wasmill:dataflow/context@0.1.0" "histogram-record"
    (func $histogram_record (param i32 i32 f64)))
"#;

/// The exports and their signatures. A body that a test does not give returns the address of 64 zero
/// bytes: `ok` without a payload, an empty list, an empty graph.
const EXPORTS: [(&str, &str, bool); 10] = [
    (
        "job@0.1.0#describe",
        "(param $args i32) (param $args_len i32)",
        true,
    ),
    ("operator@0.1.0#open", "(param $context i32)", true),
    (
        "operator@0.1.0#process",
        "(param $input i32) (param $times i32) (param $times_len i32) (param $hashes i32)
         (param $hashes_len i32) (param $ends i32) (param $ends_len i32) (param $data i32)
         (param $data_len i32)",
        true,
    ),
    (
        "operator@0.1.0#on-timers",
        "(param $domain i32) (param $times i32) (param $times_len i32) (param $keys i32)
         (param $keys_len i32) (param $keys_data i32) (param $keys_data_len i32) (param $spaces i32)
         (param $spaces_len i32) (param $spaces_data i32) (param $spaces_data_len i32)",
        true,
    ),
    ("operator@0.1.0#on-watermark", "(param $time i64)", true),
    ("operator@0.1.0#snapshot", "(param $checkpoint i64)", true),
    (
        "operator@0.1.0#checkpoint-complete",
        "(param $checkpoint i64)",
        true,
    ),
    (
        "operator@0.1.0#checkpoint-aborted",
        "(param $checkpoint i64)",
        true,
    ),
    ("operator@0.1.0#end-of-input", "(param $input i32)", true),
    ("operator@0.1.0#close", "", false),
];

const SOURCE_EXPORTS: [(&str, &str, bool); 4] = [
    (
        "source@0.1.0#splits",
        "(param $args i32) (param $args_len i32) (param $operator i32) (param $parallelism i32)",
        true,
    ),
    (
        "source@0.1.0#assign",
        "(param $ends i32) (param $ends_len i32) (param $data i32) (param $data_len i32)",
        true,
    ),
    ("source@0.1.0#poll", "(param $max i32)", true),
    ("source@0.1.0#snapshot", "", true),
];

/// Where the memory begins that `cabi_realloc` hands out; below a test has its data.
const HEAP: usize = 64 * 1024;

/// A guest under construction.
#[derive(Default)]
pub(crate) struct Guest {
    bodies: BTreeMap<&'static str, String>,
    data: String,
    extra: String,
    with_source: bool,
}

impl Guest {
    /// Writes a function's body, by its name without interface and version.
    pub(crate) fn function(mut self, name: &'static str, body: impl Into<String>) -> Self {
        self.bodies.insert(name, body.into());
        self
    }

    /// What most tests are about.
    pub(crate) fn process(self, body: impl Into<String>) -> Self {
        self.function("operator#process", body)
    }

    /// Puts bytes into the initial memory.
    pub(crate) fn data(mut self, at: usize, bytes: &[u8]) -> Self {
        let hex: String = bytes.iter().map(|byte| format!("\\{byte:02x}")).collect();
        self.data
            .push_str(&format!("(data (i32.const {at}) \"{hex}\")\n"));
        self
    }

    /// Adds fields to the module.
    pub(crate) fn extra(mut self, fields: &str) -> Self {
        self.extra.push_str(fields);
        self
    }

    /// Exports `source` too.
    pub(crate) fn with_source(mut self) -> Self {
        self.with_source = true;
        self
    }

    /// The component.
    pub(crate) fn build(&self) -> Vec<u8> {
        let mut resolve = Resolve::default();
        let wit = concat!(env!("CARGO_MANIFEST_DIR"), "/../../wit");
        let (package, _) = resolve.push_path(wit).unwrap();
        let world = if self.with_source {
            "bundle-with-sources"
        } else {
            "bundle"
        };
        let world = resolve.select_world(&[package], Some(world)).unwrap();
        let mut module = wat::parse_str(self.module()).unwrap();
        embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8, false)
            .unwrap();
        let mut encoder = ComponentEncoder::default();
        encoder.module(&module).unwrap().validate(true);
        encoder.encode().unwrap()
    }

    fn module(&self) -> String {
        let source = if self.with_source {
            &SOURCE_EXPORTS[..]
        } else {
            &[]
        };
        let functions: String = EXPORTS
            .iter()
            .chain(source)
            .map(|export| self.export(*export))
            .collect();
        let (data, extra) = (&self.data, &self.extra);
        format!(
            r#"(module {IMPORTS}
              (memory (export "memory") 2)
              (global $heap (mut i32) (i32.const {HEAP}))
              (func (export "cabi_realloc")
                (param $old i32) (param $old_len i32) (param $align i32) (param $len i32)
                (result i32)
                (local $at i32) (local $end i32)
                (local.set $at (i32.and
                  (i32.add (global.get $heap) (i32.sub (local.get $align) (i32.const 1)))
                  (i32.sub (i32.const 0) (local.get $align))))
                (local.set $end (i32.add (local.get $at) (local.get $len)))
                (if (i32.gt_u (local.get $end) (i32.mul (memory.size) (i32.const 65536)))
                  (then
                    (if (i32.eq (i32.const -1) (memory.grow (i32.add (i32.const 1) (i32.div_u
                          (i32.sub (local.get $end) (i32.mul (memory.size) (i32.const 65536)))
                          (i32.const 65536)))))
                      (then unreachable))))
                (global.set $heap (local.get $end))
                (local.get $at))
              (func $ok (result i32)
                (global.set $heap (i32.const {HEAP}))
                (i32.const 16))
              {functions} {data} {extra})"#
        )
    }

    fn export(&self, (name, parameters, returns): (&'static str, &str, bool)) -> String {
        let short = name.replace("@0.1.0", "");
        let default = if returns { "(call $ok)" } else { "" };
        let body = self
            .bodies
            .get(short.as_str())
            .map_or(default, String::as_str);
        let result = if returns { "(result i32)" } else { "" };
        format!(
            r#"(func ${short} (export "wasmill:dataflow/{name}") {parameters} {result} {body})"#
        ) + "\n"
    }
}
