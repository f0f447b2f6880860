//! Each target on its seeds, changed at random: short enough for every run of the tests, and repeatable.

use std::panic::catch_unwind;

use wasmill_actor::Rng;

use crate::TARGETS;

/// Changed seeds per target.
const ROUNDS: u64 = 2_000;

/// Changes bytes: some are flipped, cut out, doubled, or made numbers at the edges.
fn change(bytes: &mut Vec<u8>, rng: &mut Rng) {
    for _ in 0..=rng.below(4) {
        let at = rng.below(bytes.len() as u64 + 1) as usize;
        let to = (at + rng.below(9) as usize).min(bytes.len());
        match rng.below(6) {
            0 => bytes.truncate(at),
            1 => drop(bytes.drain(at..to)),
            2 => bytes[at..to].fill(0xff),
            3 => {
                let piece = bytes[at..to].to_vec();
                bytes.splice(at..at, piece);
            }
            4 => bytes
                .splice(at..at, rng.next_u64().to_le_bytes())
                .for_each(drop),
            _ => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= 1 << rng.below(8);
                }
            }
        }
    }
}

#[test]
fn every_decoder_takes_whatever_comes() {
    for target in TARGETS {
        let seeds = (target.seeds)();
        let mut rng = Rng::seeded(1);
        (target.run)(&[]);
        seeds.iter().for_each(|seed| (target.run)(seed));
        for round in 0..ROUNDS {
            let seed = seeds.get(round as usize % seeds.len().max(1));
            let mut bytes = seed.cloned().unwrap_or_else(|| vec![0; 40]);
            change(&mut bytes, &mut rng);
            let ran = catch_unwind(|| (target.run)(&bytes));
            assert!(ran.is_ok(), "`{}` panics with {bytes:?}", target.name);
        }
    }
}
