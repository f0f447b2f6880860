//! `wasmill token`: the tokens with which TaskManagers join and clients ask.
//!
//! Join tokens need the cluster's keys, which are in the JobManager's data directory; without access to it
//! the running JobManager is asked. Client tokens are made, listed and revoked in the data directory only.
//! Invariant: a token's text goes to standard output, once, and nowhere else.

use std::path::{Path, PathBuf};

use serde_json::json;
use ureq::http::Method;
use wasmill_actor::Clock;
use wasmill_network::identity::Authority;
use wasmill_rest::Tokens;

use crate::cli::{Role, TokenArgs, TokenCommand, TokenCreateArgs, TokenJoinArgs};
use crate::config::Config;
use crate::failure::{Exit, Failure, story};
use crate::places;
use crate::remote::client::Client;
use crate::stdout;

/// Does what the subcommand says.
pub(crate) fn perform(args: &TokenArgs, clock: &Clock) -> Result<Exit, Failure> {
    match &args.command {
        TokenCommand::Join(args) => join(args, clock)?,
        TokenCommand::Create(args) => create(args, clock)?,
        TokenCommand::List(args) => list(args.data_dir.as_deref())?,
        TokenCommand::Revoke(args) => {
            let dir = data_dir(args.data_dir.as_deref())?;
            let revoked = Tokens::revoke(&dir, &args.id);
            revoked.map_err(|error| Failure::failed(story(&error)))?;
        }
    }
    Ok(Exit::Finished)
}

fn join(args: &TokenJoinArgs, clock: &Clock) -> Result<(), Failure> {
    let token = match &args.data_dir {
        Some(dir) => {
            let authority = Authority::existing(dir, clock.now_ms());
            let authority = authority.map_err(|error| Failure::failed(story(&error)))?;
            authority.tokens().issue(clock.now_ms(), args.ttl).reveal()
        }
        None => {
            let client = Client::new(args.server.jobmanager.as_deref())?;
            let request = json!({ "ttl-seconds": args.ttl.as_secs() });
            let answer = client.send_json(Method::POST, "/tokens/join", &request)?;
            let token = answer["token"].as_str();
            token
                .ok_or_else(|| Failure::failed(format!("`{}` sent no token", client.url())))?
                .to_owned()
        }
    };
    match args.server.json {
        true => stdout::print(&json!({ "token": token }).to_string()),
        false => stdout::print(&token),
    }
}

fn create(args: &TokenCreateArgs, clock: &Clock) -> Result<(), Failure> {
    let dir = data_dir(args.data_dir.as_deref())?;
    let role = match args.role {
        Role::Viewer => wasmill_rest::Role::Viewer,
        Role::Submitter => wasmill_rest::Role::Submitter,
        Role::Admin => wasmill_rest::Role::Admin,
    };
    let made = Tokens::create(&dir, args.tenant.clone(), role, clock.now_ms());
    let made = made.map_err(|error| Failure::failed(story(&error)))?;
    stdout::print(&made.text)
}

fn list(chosen: Option<&Path>) -> Result<(), Failure> {
    let tokens = Tokens::read(&data_dir(chosen)?);
    let tokens = tokens.map_err(|error| Failure::failed(story(&error)))?;
    let rows: Vec<_> = tokens
        .list()
        .into_iter()
        .map(|token| {
            [
                token.id,
                token.tenant.to_string(),
                token.role.name().to_owned(),
            ]
        })
        .collect();
    stdout::print(&crate::remote::table(["ID", "TENANT", "ROLE"], &rows))
}

/// The JobManager's data directory.
fn data_dir(chosen: Option<&Path>) -> Result<PathBuf, Failure> {
    let config = Config::read(None, &[])?;
    places::job_manager(chosen.unwrap_or(&config.jobmanager.data_dir))
}
