//! Join tokens: what is read, what is refused and why.

use wasmill_actor::Rng;

use super::*;

const NOW: i64 = 1_800_000_000_000;
const HOUR: Duration = Duration::from_secs(3_600);

fn key(cluster: u8, secret: u8) -> TokenKey {
    TokenKey::new(Fingerprint([cluster; 32]), &[secret; 32])
}

#[test]
fn a_token_is_good_for_its_cluster_until_it_expires() {
    let token = key(1, 1).issue(NOW, HOUR);
    let token: JoinToken = token.reveal().parse().unwrap();
    for (cluster, secret, at_ms, expected) in [
        (1, 1, NOW, Ok(())),
        (1, 1, NOW + 3_599_999, Ok(())),
        (
            1,
            1,
            NOW + 3_600_000,
            Err("expired at 2027-01-15 09:00:00 UTC and it is 2027-01-15 09:00:00"),
        ),
        (
            2,
            1,
            NOW,
            Err("of another cluster (0101010101010101, not 0202020202020202)"),
        ),
        (
            1,
            2,
            NOW,
            Err("was altered, or made before the cluster's token key was replaced"),
        ),
        // A forged token is called forged even when it has expired too.
        (1, 2, NOW + 3_600_000, Err("was altered")),
    ] {
        let checked = key(cluster, secret).check(&token, at_ms);
        match (checked, expected) {
            (Ok(()), Ok(())) => {}
            (Err(error), Err(expected)) => {
                assert!(error.to_string().contains(expected), "{error}");
            }
            (checked, expected) => panic!("{checked:?} instead of {expected:?}"),
        }
    }
}

#[test]
fn a_text_that_is_no_token_says_what_it_is() {
    let good = key(1, 1).issue(NOW, HOUR).reveal();
    let cut = &good[..good.len() - 1];
    let long = format!("{good}A");
    let strange = good.replace(char::is_numeric, "!").replace("wmj!", "wmj1");
    let spaced = format!("  {good}\n");
    for (text, expected) in [
        (good.as_str(), None),
        (spaced.as_str(), None),
        ("", Some("this is not a join token")),
        ("hello", Some("this is not a join token")),
        ("wmj_x", Some("this is not a join token")),
        ("wmj2_abc", Some("form 2")),
        ("wmj1_", Some("cut off: 0 of 96")),
        (cut, Some("cut off: 95 of 96")),
        (long.as_str(), Some("too long: 97")),
        (strange.as_str(), Some("characters other than")),
    ] {
        let error = text.parse::<JoinToken>().err();
        match (error, expected) {
            (None, None) => {}
            (Some(error), Some(expected)) => {
                assert!(error.to_string().contains(expected), "{text}: {error}");
            }
            (error, _) => panic!("{text}: {error:?}"),
        }
    }
}

#[test]
fn a_token_that_was_changed_anywhere_is_refused() {
    let key = key(1, 1);
    let good = key.issue(NOW, HOUR).reveal();
    let mut rng = Rng::seeded(3);
    for _ in 0..2_000 {
        let mut bytes = good.clone().into_bytes();
        for _ in 0..=rng.below(3) {
            let at = rng.below(bytes.len() as u64) as usize;
            match rng.below(3) {
                0 => bytes[at] = rng.next_u64() as u8,
                1 => {
                    bytes.remove(at);
                }
                _ => bytes.insert(at, rng.next_u64() as u8),
            }
        }
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if text.trim() == good {
            continue;
        }
        let checked = text.parse().and_then(|token| key.check(&token, NOW));
        assert!(checked.is_err(), "{text}");
    }
}

#[test]
fn the_secret_part_of_a_token_is_not_in_its_debug_form() {
    let token = key(1, 1).issue(NOW, HOUR);
    let shown = format!("{token:?} {:?}", key(1, 1));
    let expected = "JoinToken(cluster 0101010101010101, until 2027-01-15 09:00:00 UTC) \
                    TokenKey(cluster 0101010101010101)";
    assert_eq!(shown, expected);
}
