//! Channels as text. At the purse: `s1` spends one buffer, `x1` cannot, `e2` earns two. At the
//! allotment: `f1/5` fills one buffer with five waiting behind it, `l3` is lent three, `d1` and `d1!`
//! drain one (while others wait); what comes out is `want N`, `+N` announced, `-N` given back.

use super::*;

#[test]
fn a_sender_sends_with_credit_only() {
    for (name, exclusive, script) in [
        ("the initial credit is the exclusive buffers", 2, "s1 s1 x1"),
        ("a grant lets it go on", 2, "s1 s1 x1 e1 s1 x1"),
        ("a batch of two waits for both", 2, "s1 x2 e1 s2 x1"),
        (
            "a giant overdraws and is paid off",
            2,
            "s30 x1 e28 x1 e1 s1 x1",
        ),
        (
            "a giant waits for the channel's own",
            2,
            "s1 x30 e1 s30 x1 e28 x1 e1 s1",
        ),
        ("grants add up", 1, "e3 s4 x1"),
    ] {
        let mut purse = Purse::new(exclusive);
        for word in script.split_whitespace() {
            let number = word[1..].parse().unwrap();
            match &word[..1] {
                "s" => {
                    assert!(purse.affords(number), "{name}: {word}");
                    purse.spend(number);
                }
                "x" => assert!(!purse.affords(number), "{name}: {word}"),
                _ => purse.earn(number).unwrap(),
            }
        }
    }
}

#[test]
fn a_grant_beyond_reason_is_refused() {
    let mut purse = Purse::new(2);
    purse.earn(MAX_CREDIT - 2).unwrap();
    let refused = purse.earn(u32::MAX).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "a grant of 4294967295 leaves a credit above 1048576"
    );
}

#[test]
fn a_receiver_holds_backlog_and_initial_credit() {
    for (name, script, expected) in [
        (
            "nothing waits, so only what was used is missing",
            "f1/0",
            "want 1",
        ),
        (
            "it wants the backlog and its initial credit free",
            "f1/5",
            "want 6",
        ),
        (
            "what it is lent is announced",
            "f1/5 l3",
            "want 6 | +3 want 3",
        ),
        (
            "an exclusive buffer is announced again",
            "f1/0 d1",
            "want 1 | +1 want 0",
        ),
        (
            "a floating one goes back first",
            "f1/1 l2 f1/0 d1",
            "want 2 | +2 want 0 | want 0 | -1 +0 want 0",
        ),
        (
            "with more than it requires",
            "f1/3 l4 f1/0 d2",
            "want 4 | +4 want 0 | want 0 | -2 +0 want 0",
        ),
        (
            "while others wait every freed floating buffer goes",
            "f1/8 l4 d1!",
            "want 9 | +4 want 5 | -1 +0 want 5",
        ),
        (
            "without floating buffers nothing goes back",
            "f1/8 d1!",
            "want 9 | +1 want 8",
        ),
        ("a giant overdraws", "f30/0 d30", "want 30 | +30 want 0"),
    ] {
        assert_eq!(run(script), expected, "{name}");
    }
}

/// Plays a script on a channel with two exclusive buffers.
fn run(script: &str) -> String {
    let mut allotment = Allotment::new(2);
    let steps = script.split_whitespace().map(|word| {
        let mut said = String::new();
        match &word[..1] {
            "f" => {
                let (buffers, backlog) = word[1..].split_once('/').unwrap();
                let (buffers, backlog) = (buffers.parse().unwrap(), backlog.parse().unwrap());
                allotment.fill(buffers, backlog).unwrap();
            }
            "l" => said = format!("+{} ", allotment.lend(word[1..].parse().unwrap())),
            _ => {
                let buffers = word[1..].trim_end_matches('!').parse().unwrap();
                let freed = allotment.drain(buffers, word.ends_with('!'));
                if freed.give_back > 0 {
                    said = format!("-{} ", freed.give_back);
                }
                said.push_str(&format!("+{} ", freed.gained));
            }
        }
        format!("{said}want {}", allotment.wanted())
    });
    steps.collect::<Vec<_>>().join(" | ")
}

#[test]
fn credit_is_announced_before_the_producer_needs_it() {
    for (floating, gains, expected) in [
        (0, vec![1, 1], vec![1, 1]),
        (8, vec![1, 1, 1, 1, 1, 1], vec![0, 0, 0, 0, 0, 6]),
        (2, vec![1, 1, 1], vec![0, 0, 3]),
    ] {
        let mut allotment = Allotment::new(2);
        allotment.lend(floating);
        let announced: Vec<_> = gains
            .iter()
            .map(|gain| {
                allotment.fill(*gain, 100).unwrap();
                let gained = allotment.drain(*gain, false).gained;
                allotment.announce(gained)
            })
            .collect();
        assert_eq!(announced, expected, "with {floating} floating buffers");
    }
}

#[test]
fn a_producer_beyond_its_credit_is_found_out() {
    let mut allotment = Allotment::new(2);
    allotment.fill(1, 0).unwrap();
    let beyond = allotment.fill(2, 0).unwrap_err();
    assert_eq!(beyond.to_string(), "2 buffers were sent with a credit of 1");
    allotment.fill(1, 0).unwrap();
    allotment.fill(1, 0).unwrap_err();
    assert_eq!(allotment.overdraft(), 0);
    allotment.drain(2, false);
    allotment.fill(5, 0).unwrap();
    assert_eq!(allotment.overdraft(), 3);
}

#[test]
fn both_sides_agree_whatever_happens() {
    let mut rng = wasmill_actor::Rng::seeded(13);
    for _ in 0..200 {
        let (mut purse, mut allotment) = (Purse::new(2), Allotment::new(2));
        let mut queue = std::collections::VecDeque::new();
        // What the consumer has announced and the producer has not heard.
        let mut under_way = 0;
        for _ in 0..300 {
            let buffers = [1, 1, 1, 2, 30][rng.below(5) as usize];
            match rng.below(4) {
                0 | 1 if purse.affords(buffers) => {
                    purse.spend(buffers);
                    allotment.fill(buffers, rng.below(10) as u32).unwrap();
                    // As it does whenever something has come.
                    under_way += allotment.announce(0);
                    queue.push_back(buffers);
                }
                2 => {
                    let mut gained = 0;
                    if let Some(buffers) = queue.pop_front() {
                        gained += allotment.drain(buffers, rng.below(2) == 0).gained;
                    }
                    let wanted = allotment.wanted().min(8 - allotment.floating);
                    gained += allotment.lend(wanted.min(rng.below(9) as u32));
                    under_way += allotment.announce(gained);
                }
                _ => {
                    purse.earn(std::mem::take(&mut under_way)).unwrap();
                }
            }
            let known = purse.balance + i64::from(under_way);
            assert_eq!(known + i64::from(allotment.unannounced), allotment.credit());
            // Nothing is kept back from a producer that needs it.
            assert!(allotment.unannounced == 0 || known >= 2);
            assert!(allotment.floating <= 8);
        }
    }
}
