//! `wasmill state`: what a job that runs keeps for a key.

use serde_json::Value;

use super::client::Client;
use super::jobs::text;
use super::table;
use crate::cli::StateArgs;
use crate::failure::{Exit, Failure};
use crate::stdout;

/// Looks up keyed state of a job, as its last complete checkpoint has it.
pub(crate) fn look_up(args: &StateArgs) -> Result<Exit, Failure> {
    let client = Client::new(args.server.jobmanager.as_deref())?;
    let mut query = form_urlencoded::Serializer::new(String::new());
    for (name, given) in [
        ("key", &args.key),
        ("key-hex", &args.key_hex),
        ("sub-key", &args.sub_key),
        ("sub-key-hex", &args.sub_key_hex),
    ] {
        if let Some(given) = given {
            query.append_pair(name, given);
        }
    }
    query.append_pair("limit", &args.limit.to_string());
    let (job, uid, state) = (args.job, segment(&args.uid), segment(&args.state));
    let path = format!("/jobs/{job}/state/{uid}/{state}?{}", query.finish());
    let answer = client.get(&path)?;
    if args.server.json {
        stdout::print(&answer.to_string())?;
        return Ok(Exit::Finished);
    }
    stdout::print(&shown(&answer))?;
    Ok(Exit::Finished)
}

/// The answer for people.
fn shown(answer: &Value) -> String {
    let place = format!("checkpoint {}", answer["checkpoint-id"]);
    if answer["found"] != true {
        return format!("nothing in {place}\n");
    }
    let of = |value: &Value, hex: &Value| match value {
        Value::Null if !hex.is_null() => format!("0x{}", text(hex)),
        value => value.to_string(),
    };
    let Some(entries) = answer["entries"].as_array() else {
        return format!("{}\n", of(&answer["value"], &answer["value-hex"]));
    };
    let rows: Vec<_> = entries
        .iter()
        .map(|entry| {
            [
                of(&entry["key"], &entry["key-hex"]),
                of(&entry["value"], &entry["value-hex"]),
            ]
        })
        .collect();
    let more = match answer["more"] == true {
        true => "there are more; raise --limit\n",
        false => "",
    };
    format!("{}{more}", table(["KEY", "VALUE"], &rows))
}

/// A text as a segment of a path.
fn segment(text: &str) -> String {
    let bytes = form_urlencoded::byte_serialize(text.as_bytes());
    // Queries have another word for a space.
    bytes.collect::<String>().replace('+', "%20")
}
