//! Descriptions and values by hand, and values as postcard writes them.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Value, json};

use super::*;

fn parse(text: &str) -> Schema {
    Schema::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[test]
fn a_description_says_key_and_value() {
    let schema = parse("String -> Option<u64>");
    assert_eq!(schema.key, Some(Type::Scalar(Scalar::String)));
    let number = Type::Scalar(Scalar::Unsigned(64));
    assert_eq!(schema.value, Type::Option(Box::new(number)));
    assert_eq!(parse("_").key, None);
    let node = parse("struct Node { \"a b\\n\": u8, next: Option<^Node> }").value;
    let Type::Struct(name, Fields::Named(fields)) = node else {
        panic!("{node:?}");
    };
    assert_eq!((name.as_str(), fields[0].0.as_str()), ("Node", "a b\n"));
    let outer = Type::Outer("Node".to_owned(), 0);
    assert_eq!(fields[1].1, Type::Option(Box::new(outer)));
}

#[test]
fn what_is_no_description_is_refused() {
    let deep = format!("{}u8{}", "Vec<".repeat(100), ">".repeat(100));
    let long = format!("({})", vec!["u8"; 4000].join(", "));
    let texts = [
        "",
        "u7",
        "u8 ",
        "Option<u8",
        "Map<u8>",
        "(u8",
        "[u8; 65537]",
        "[u8; x]",
        "struct",
        "^Node",
        "struct A { a u8 }",
        "struct A { a: u8 b: u8 }",
        "enum E { }",
        "u8 -> u8 -> u8",
        "\"",
        "struct \"a",
        "struct \"\\u{110000}\"",
        &deep,
        &long,
    ];
    for text in texts {
        let refused = Schema::parse(text);
        assert!(refused.is_err(), "{text}: {refused:?}");
    }
}

#[test]
fn what_was_written_is_read_where_it_means_the_same() {
    let check = |old: &str, new: &str, reads: bool| {
        assert_eq!(parse(new).reads(&parse(old)), reads, "{old} as {new}");
    };
    for same in [
        "u64",
        "String -> (u8, Vec<String>)",
        "Map<String, [u8; 32]>",
        "struct A { a: u8, next: Option<^A> }",
        "enum E { A, B(u8), C { x: () } }",
    ] {
        check(same, same, true);
    }
    for (old, new, reads) in [
        ("u64", "u32", false),
        ("u64", "i64", false),
        ("u64 -> u64", "String -> u64", false),
        ("u64 -> u64", "u64", false),
        ("_ -> u64", "u8 -> u64", true),
        ("u64", "struct Count(u64)", true),
        ("struct A { a: u8 }", "struct B { a: u8 }", true),
        ("struct A { a: u8 }", "struct A { b: u8 }", false),
        (
            "struct A { a: u8 }",
            "struct A { a: u8, b: Option<u8> }",
            false,
        ),
        (
            "struct A { a: u8, b: u8 }",
            "struct A { b: u8, a: u8 }",
            false,
        ),
        ("enum E { A, B(u8) }", "enum E { A, B(u8), C }", true),
        ("enum E { A, B(u8), C }", "enum E { A, B(u8) }", false),
        ("enum E { A, B(u8) }", "enum E { B(u8), A }", false),
        ("enum E { A, B(u8) }", "enum E { A, B(u16) }", false),
        ("Vec<u8>", "bytes", false),
        ("[u8; 5]", "[u8; 6]", false),
    ] {
        check(old, new, reads);
    }
}

/// Bytes and JSON of a value are those of postcard and `serde_json`, both ways.
fn check(kind: &str, value: &impl Serialize) {
    let kind = parse(kind).value;
    let json = serde_json::to_value(value).unwrap();
    let bytes = postcard::to_allocvec(value).unwrap();
    assert_eq!(kind.encode(&json).unwrap(), bytes, "{json}");
    assert_eq!(kind.decode(&bytes).unwrap(), json);
    for end in 0..bytes.len() {
        assert!(kind.decode(&bytes[..end]).is_err(), "{json} cut at {end}");
    }
    assert!(kind.decode(&[bytes, vec![0]].concat()).is_err(), "{json}");
}

#[derive(Serialize)]
enum Shape {
    Point,
    Circle(f64),
    Line(u8, u8),
    Box { w: i32, h: i32 },
    Many(Vec<Self>),
}

#[test]
fn values_are_those_of_postcard_and_json() {
    for number in [0, 1, 127, 128, 300, u64::from(u32::MAX), u64::MAX] {
        check("u64", &number);
    }
    for number in [0, -1, 63, -64, 64, i64::MIN, i64::MAX] {
        check("i64", &number);
    }
    check(
        "(u8, i8, u16, i16, i32)",
        &(255_u8, -128_i8, 65_535_u16, -32_768_i16, i32::MIN),
    );
    check(
        "(bool, char, String, f32, f64)",
        &(true, 'ß', "käse", 0.5_f32, -0.1),
    );
    check("Option<Option<u8>>", &None::<Option<u8>>);
    check(
        "(Option<u8>, (), Vec<u8>)",
        &(Some(3_u8), (), vec![1_u8, 2]),
    );
    check("[u8; 3]", &[1_u8, 2, 3]);
    check(
        "Map<String, u64>",
        &BTreeMap::from([("a", 1_u64), ("b", 2)]),
    );
    check(
        "Map<u32, bool>",
        &BTreeMap::from([(1_u32, true), (20, false)]),
    );
    let shape = "enum Shape { Point, Circle(f64), Line(u8, u8), Box { w: i32, h: i32 }, Many(Vec<^Shape>) }";
    for value in [
        Shape::Point,
        Shape::Circle(1.5),
        Shape::Line(1, 2),
        Shape::Box { w: -1, h: 1 },
        Shape::Many(vec![Shape::Point, Shape::Many(vec![Shape::Circle(0.0)])]),
    ] {
        check(shape, &value);
    }
}

#[test]
fn what_json_has_no_word_for_is_written_otherwise() {
    let both = |kind: &str, bytes: &[u8], json: Value| {
        let kind = parse(kind).value;
        assert_eq!(kind.decode(bytes).unwrap(), json);
        assert_eq!(kind.encode(&json).unwrap(), bytes);
    };
    let large = postcard::to_allocvec(&(u128::MAX, i128::MIN)).unwrap();
    let texts = json!([u128::MAX.to_string(), i128::MIN.to_string()]);
    both("(u128, i128)", &large, texts);
    let pairs = postcard::to_allocvec(&BTreeMap::from([((1_u8, 2_u8), "a")])).unwrap();
    both("Map<(u8, u8), String>", &pairs, json!([[[1, 2], "a"]]));
    let infinite = postcard::to_allocvec(&f64::INFINITY).unwrap();
    assert_eq!(parse("f64").value.decode(&infinite).unwrap(), json!("inf"));
}

#[test]
fn a_value_of_another_type_is_refused_with_both_said() {
    let refused = |kind: &str, value: Value, problem: &str| {
        let error = parse(kind).value.encode(&value).unwrap_err();
        assert_eq!(error.to_string(), problem);
    };
    refused("u64", json!("a"), "`\"a\"` is not a value of the type u64");
    refused("u8", json!(256), "`256` is not a value of the type u8");
    refused("i8", json!(-129), "`-129` is not a value of the type i8");
    refused("(u8, u8)", json!([1]), "`[1]` is not a list of 2");
    refused("struct A { a: u8 }", json!({}), "the field `a` is missing");
    refused(
        "struct A { a: u8 }",
        json!({"a": 1, "b": 2}),
        "there is no field `b`",
    );
    refused("enum E { A }", json!("B"), "there is no variant `B`");
    refused("_", json!(1), "the type is not known");
}

#[test]
fn values_without_bytes_and_deep_ones_have_an_end() {
    let many = postcard::to_allocvec(&u64::MAX).unwrap();
    assert!(parse("Vec<()>").value.decode(&many).is_err());
    assert!(
        parse("[[[(); 60000]; 60000]; 60000]")
            .value
            .decode(&[])
            .is_err()
    );
    let nested = parse("struct A { a: Option<^A> }").value;
    assert!(nested.decode(&vec![1; 100_000]).is_err());
    let itself = parse("struct A(^A)");
    assert!(itself.value.encode(&json!(1)).is_err());
    assert!(itself.value.decode(&[1]).is_err());
    assert!(itself.reads(&itself));
}
