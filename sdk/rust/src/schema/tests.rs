//! Descriptions of types of all shapes.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::*;

#[test]
fn types_of_the_standard_library_are_described() {
    let check = |found: String, expected: &str| assert_eq!(found, expected);
    check(of::<u64>(), "u64");
    check(of::<()>(), "()");
    check(of::<(String, u32)>(), "(String, u32)");
    check(of::<(char,)>(), "(char,)");
    check(
        of::<Option<Vec<Option<bool>>>>(),
        "Option<Vec<Option<bool>>>",
    );
    check(of::<[u8; 32]>(), "[u8; 32]");
    check(of::<[f64; 2]>(), "(f64, f64)");
    check(
        of::<BTreeMap<String, Vec<i128>>>(),
        "Map<String, Vec<i128>>",
    );
    check(of::<BTreeSet<u8>>(), "Vec<u8>");
    check(of::<NonZeroU32>(), "u32");
    check(of::<Box<str>>(), "String");
    check(
        of::<Duration>(),
        "struct Duration { secs: u64, nanos: u32 }",
    );
    check(
        of::<Result<u8, String>>(),
        "enum Result { Ok(u8), Err(String) }",
    );
    check(of_map::<u32, Option<f32>>(), "Map<u32, Option<f32>>");
}

#[derive(Serialize, Deserialize)]
struct Visit {
    user: String,
    #[serde(rename = "the time")]
    at: i64,
    #[serde(skip)]
    _cached: u8,
    marks: Marks,
}

#[derive(Serialize, Deserialize)]
struct Marks;

#[derive(Serialize, Deserialize)]
struct Id(u64);

#[derive(Serialize, Deserialize)]
struct Wrap<T> {
    inner: T,
}

#[test]
fn structs_are_described_with_the_names_of_their_fields() {
    let visit = "struct Visit { user: String, \"the time\": i64, marks: struct Marks }";
    assert_eq!(of::<Visit>(), visit);
    assert_eq!(of::<Id>(), "struct Id(u64)");
    // The same name inside is another type.
    let wrapped = "struct Wrap { inner: struct Wrap { inner: u8 } }";
    assert_eq!(of::<Wrap<Wrap<u8>>>(), wrapped);
}

#[derive(Serialize, Deserialize)]
enum Event {
    Nothing,
    Login(String),
    Move(i32, i32),
    Buy { item: Option<Id>, amount: u32 },
}

#[derive(Serialize, Deserialize)]
struct Node {
    left: Option<Box<Self>>,
    value: Event,
    children: Vec<Self>,
}

#[derive(Serialize, Deserialize)]
enum Term {
    Sum(Box<Self>, Box<Self>),
    Not(Box<Self>),
    Number(i64),
    Call { name: String, args: Vec<Self> },
}

#[test]
fn enums_and_types_inside_themselves_are_described_whole() {
    let event = "enum Event { Nothing, Login(String), Move(i32, i32), \
                 Buy { item: Option<struct Id(u64)>, amount: u32 } }";
    assert_eq!(of::<Event>(), event);
    let node =
        format!("struct Node {{ left: Option<^Node>, value: {event}, children: Vec<^Node> }}");
    assert_eq!(of::<Node>(), node);
    let term = "enum Term { Sum(^Term, ^Term), Not(^Term), Number(i64), \
                Call { name: String, args: Vec<^Term> } }";
    assert_eq!(of::<Term>(), term);
}

#[derive(Serialize, Deserialize)]
#[serde(try_from = "String")]
struct Even(String);

impl TryFrom<String> for Even {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let is_even = !text.is_empty() && text.len().is_multiple_of(2);
        is_even.then_some(Self(text)).ok_or("odd")
    }
}

#[derive(Serialize, Deserialize)]
struct Alias {
    #[serde(alias = "b")]
    a: u8,
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Untagged {
    A(u8),
    B(String),
}

#[test]
fn types_that_do_not_let_themselves_be_asked_are_unknown() {
    assert_eq!(of::<Alias>(), "_");
    assert_eq!(of::<Untagged>(), "_");
    assert_eq!(of::<(Even, u8)>(), "_");
    // What was asked before the refusal is all there is.
    assert_eq!(of::<Even>(), "String");
}

#[test]
fn a_state_without_any_known_type_has_no_description() {
    assert_eq!(of_state(Some("u8"), "_").as_deref(), Some("u8 -> _"));
    assert_eq!(of_state(Some("_"), "_"), None);
    assert_eq!(of_state(None, "u8").as_deref(), Some("u8"));
    assert_eq!(of_state(None, &"(".repeat(9000)), None);
}
