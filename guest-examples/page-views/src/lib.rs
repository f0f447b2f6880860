//! Keeps state for each user, and reports some of them on an output of their own.
//!
//! Each view of a page updates the states of its user, which nobody else sees: a value, a map and a list.
//! After each view the job emits the user's statistics; a user whose last views were all too short for a
//! person goes to a side output, which has its own sink.

use wasmill::SideOutput;
use wasmill::prelude::*;

/// How many views in a row are looked at.
const RECENT: usize = 3;
/// A person looks at a page for longer than this, in milliseconds.
const TOO_SHORT_MS: u64 = 100;

/// A user has looked at a page: a line of the input.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct View {
    /// Who.
    pub user: String,
    /// At what.
    pub page: String,
    /// For how many milliseconds.
    pub ms: u64,
}

/// What is known of a user: a line of the output.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Statistics {
    /// Who.
    pub user: String,
    /// How many views there were.
    pub views: u64,
    /// For how many milliseconds, on average.
    pub average_ms: u64,
    /// The page with most views; of several, the first in the alphabet.
    pub favourite: String,
}

/// A user who is hardly a person: a line of the other output.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suspect {
    /// Who.
    pub user: String,
    /// How many milliseconds each of the last views took.
    pub recent_ms: Vec<u64>,
}

/// Reads `--input` (JSON lines with `user`, `page` and `ms`), and writes JSON lines to two directories:
/// statistics to `--output`, suspicious users to `--suspects`.
#[wasmill::job]
pub fn page_views(env: &Env) -> Result<()> {
    env.name("page views");
    let suspects = SideOutput::<Suspect>::new();
    let aside = suspects.clone();
    let statistics = env
        .source(File::json_lines(env.arg("input")?))
        .name("views")
        .key_by(|view: &View| view.user.clone())
        .process(move |states| {
            let total = states.value::<(u64, u64)>("views and milliseconds");
            let pages = states.map::<String, u64>("views of pages");
            let recent = states.list::<u64>("recent milliseconds");
            move |view: View, cx, out| {
                let (views, ms) = total.get()?.unwrap_or_default();
                let (views, ms) = (views + 1, ms + view.ms);
                total.set((views, ms));

                let of_page = pages.get(&view.page)?.unwrap_or_default();
                pages.insert(view.page, of_page + 1)?;

                recent.add(view.ms)?;
                let mut recent_ms = recent.get()?;
                if recent_ms.len() > RECENT {
                    recent_ms.remove(0);
                    recent.update(recent_ms.clone())?;
                }
                if is_suspicious(&recent_ms) {
                    let user = cx.key().clone();
                    cx.side(&aside, Suspect { user, recent_ms });
                    recent.clear()?;
                }

                out.emit(Statistics {
                    user: view.user,
                    views,
                    average_ms: ms / views,
                    favourite: favourite(pages.entries()?),
                });
                Ok(())
            }
        })
        .name("per user")
        .uid("per-user");
    statistics
        .side_output(&suspects)
        .sink(File::json_lines(env.arg("suspects")?))
        .name("suspects");
    statistics
        .sink(File::json_lines(env.arg("output")?))
        .name("statistics");
    Ok(())
}

/// Whether nobody reads as fast as that.
fn is_suspicious(recent_ms: &[u64]) -> bool {
    recent_ms.len() >= RECENT && recent_ms.iter().all(|ms| *ms < TOO_SHORT_MS)
}

/// The page with most views; of several, the first in the alphabet.
fn favourite(mut pages: Vec<(String, u64)>) -> String {
    pages.sort_by(|(a, views_a), (b, views_b)| views_b.cmp(views_a).then_with(|| a.cmp(b)));
    pages
        .into_iter()
        .next()
        .map(|(page, _)| page)
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use wasmill::testing::Job;

    use super::*;

    #[test]
    fn only_a_full_row_of_short_views_is_suspicious() {
        for (recent_ms, expected) in [
            (&[] as &[u64], false),
            (&[1, 1], false),
            (&[1, 99, 1], true),
            (&[1, 100, 1], false),
        ] {
            assert_eq!(is_suspicious(recent_ms), expected, "{recent_ms:?}");
        }
    }

    #[test]
    fn the_favourite_is_the_page_with_most_views() {
        let pages = |pages: &[(&str, u64)]| {
            favourite(
                pages
                    .iter()
                    .map(|(page, views)| ((*page).to_owned(), *views))
                    .collect(),
            )
        };
        assert_eq!(pages(&[("b", 2), ("a", 1), ("c", 2)]), "b");
        assert_eq!(pages(&[]), "");
    }

    #[test]
    fn the_graph_has_a_sink_for_each_output() {
        let args = ["--input", "a", "--output", "b", "--suspects", "c"];
        let graph = wasmill::testing::describe(page_views, &args).unwrap();
        let outputs: Vec<_> = graph.edges.iter().map(|edge| edge.output).collect();
        assert_eq!(outputs, [0, 0, 1, 0]);
        assert_eq!(graph.operators[1].states.len(), 3);
    }

    fn view(user: &str, page: &str, ms: u64) -> View {
        View {
            user: user.to_owned(),
            page: page.to_owned(),
            ms,
        }
    }

    #[test]
    fn statistics_and_suspects_come_out_apart() {
        let views = [
            view("ann", "/news", 5200),
            view("bot", "/a", 3),
            view("bot", "/b", 2),
            view("ann", "/mail", 900),
            view("bot", "/c", 4),
            view("ann", "/mail", 1400),
        ];
        let job = Job::new(page_views)
            .args(["--input", "any", "--output", "any", "--suspects", "any"])
            .input("views", views);
        // The state of a user is the same whether it stays in memory, is fetched, or is restored.
        let jobs = [
            job.clone(),
            job.clone().chained(),
            job.clone().batch_records(1).cache_bytes(1),
            job.batch_records(1).restart_after(3),
        ];
        for job in jobs {
            let outcome = job.run().unwrap();
            let last = |user: &str| {
                let all: Vec<Statistics> = outcome.output("statistics");
                all.into_iter()
                    .rfind(|statistics| statistics.user == user)
                    .unwrap()
            };
            let ann = Statistics {
                user: "ann".to_owned(),
                views: 3,
                average_ms: 2500,
                favourite: "/mail".to_owned(),
            };
            assert_eq!(last("ann"), ann);
            assert_eq!((last("bot").views, last("bot").average_ms), (3, 3));
            let bot = Suspect {
                user: "bot".to_owned(),
                recent_ms: vec![3, 2, 4],
            };
            assert_eq!(outcome.output::<Suspect>("suspects"), [bot]);
        }
    }
}
