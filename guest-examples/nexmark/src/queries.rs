//! The queries by their names.

mod joins;
mod plain;
mod reports;
mod top;
mod windows;
mod winning;

use wasmill::prelude::*;

use crate::Settings;

/// Builds the query of a name.
pub(crate) fn build(env: &Env, query: &str, settings: &Settings) -> Result<()> {
    match query {
        "events" => plain::events(env, settings)?,
        "q0" => plain::pass_through(env, settings),
        "q1" => plain::currency(env, settings),
        "q2" => plain::selection(env, settings),
        "q3" => joins::local_items(env, settings),
        "q4" => winning::average_price(env, settings),
        "q5" => windows::hot_items(env, settings),
        "q6" => winning::selling_prices(env, settings),
        "q7" => windows::highest_bid(env, settings),
        "q8" => joins::new_users(env, settings),
        "q9" => winning::winning_bids(env, settings),
        "q10" => plain::log_to_files(env, settings)?,
        "q11" => windows::sessions(env, settings),
        "q12" => windows::by_the_clock(env, settings),
        "q13" => plain::side_input(env, settings),
        "q14" => plain::calculation(env, settings),
        "q15" => reports::bidding(env, settings),
        "q16" => reports::channels(env, settings),
        "q17" => reports::auctions(env, settings),
        "q18" => top::last_bids(env, settings),
        "q19" => top::top_bids(env, settings),
        "q20" => joins::expanded_bids(env, settings),
        "q21" => plain::channel_ids(env, settings),
        "q22" => plain::directories(env, settings),
        other => bail!("there is no query `{other}`; take q0 to q22, or events"),
    }
    Ok(())
}
