//! `wasmill taskmanagers` and `wasmill upload`: the cluster itself, and its bundles.

use std::fs::File;
use std::path::Path;

use serde_json::{Value, json};

use super::client::Client;
use super::jobs::{number, text};
use super::table;
use crate::cli::{TaskManagersArgs, UploadArgs};
use crate::failure::{Exit, Failure};
use crate::quantity;
use crate::screen::Screen;
use crate::stdout;

/// Lists the TaskManagers.
pub(crate) fn task_managers(args: &TaskManagersArgs) -> Result<Exit, Failure> {
    let answer = Client::new(args.server.jobmanager.as_deref())?.get("/taskmanagers")?;
    if args.server.json {
        stdout::print(&answer.to_string())?;
        return Ok(Exit::Finished);
    }
    let rows: Vec<_> = answer["taskmanagers"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|node| {
            [
                text(&node["id"]),
                text(&node["path"]),
                format!("{}/{}", node["freeSlots"], node["slotsNumber"]),
                node["hardware"]["cpuCores"].to_string(),
                quantity::bytes(number(&node["hardware"]["physicalMemory"])),
            ]
        })
        .collect();
    stdout::print(&table(
        ["TASKMANAGER", "ADDRESS", "FREE SLOTS", "CORES", "MEMORY"],
        &rows,
    ))?;
    Ok(Exit::Finished)
}

/// Uploads a bundle and says under which id it is known.
pub(crate) fn upload(args: &UploadArgs, screen: &Screen) -> Result<Exit, Failure> {
    let client = Client::new(args.server.jobmanager.as_deref())?;
    let id = upload_file(&client, &args.bundle, screen)?;
    match args.server.json {
        true => stdout::print(&json!({ "id": id }).to_string())?,
        false => stdout::print(&id)?,
    }
    Ok(Exit::Finished)
}

/// Uploads a file with progress on a terminal; the bundle's id.
pub(super) fn upload_file(
    client: &Client,
    path: &Path,
    screen: &Screen,
) -> Result<String, Failure> {
    let shown = path.display();
    let unreadable = |error| Failure::unusable(format!("read the bundle `{shown}`: {error}"));
    let file = File::open(path).map_err(unreadable)?;
    let metadata = file.metadata().map_err(unreadable)?;
    if !metadata.is_file() {
        return Err(Failure::unusable(format!(
            "`{shown}` is not a file; give a bundle"
        )));
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let bytes = metadata.len();
    let watched = Watched {
        file,
        screen,
        sent: 0,
        bytes,
    };
    let answer = client.upload("/bundles/upload", &name, watched, bytes);
    screen.erase();
    let answer = answer.map_err(|failure| match failure.exit {
        Exit::Unusable => Failure::unusable(format!("cannot use `{shown}`: {}", failure.message)),
        _ => failure,
    })?;
    // Flink answers with the path at which the server keeps the file; its last part is the id.
    let stored = answer["filename"].as_str().unwrap_or_default();
    let id = stored.rsplit('/').next().unwrap_or_default();
    if id.is_empty() {
        return Err(Failure::failed(format!(
            "`{}` did not say the bundle's id",
            client.url()
        )));
    }
    Ok(id.to_owned())
}

/// A file that shows how much of it has been read.
struct Watched<'a> {
    file: File,
    screen: &'a Screen,
    sent: u64,
    bytes: u64,
}

impl std::io::Read for Watched<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.file.read(buffer)?;
        self.sent += read as u64;
        if self.screen.is_terminal() {
            let (sent, bytes) = (quantity::bytes(self.sent), quantity::bytes(self.bytes));
            self.screen.draw(&format!("uploading {sent} of {bytes}"));
        }
        Ok(read)
    }
}

/// A JSON answer's id of a job.
pub(super) fn job_id(answer: &Value) -> Option<&str> {
    answer["jobid"].as_str()
}
