//! Measures what handing an element over costs: `cargo run --release -p wasmill-network --example
//! hand_over`. Prints nanoseconds per element, of the best of ten passes, for other programs disturb it.

#![expect(clippy::print_stdout, reason = "a measurement that a person starts")]

use std::thread;
use std::time::Duration;

use wasmill_actor::{CancelToken, Clock, Signal};
use wasmill_network::{Gate, Sender, gate};
use wasmill_types::{Batch, Element};

const CAPACITY: usize = 10;
const PASSES: u32 = 10;
const ELEMENTS: usize = 500_000;
/// What a batch holds, in bytes.
const FRAME: usize = 32 << 10;

fn main() {
    report("send and take, one thread", || {
        let (mut gate, mut senders) = gate(4, CAPACITY, Signal::new());
        let cancel = CancelToken::new();
        for element in 0..ELEMENTS {
            send(&mut senders[element % 4], Element::Watermark(0), &cancel);
            assert!(gate.next().is_ok_and(|taken| taken.is_some()));
        }
    });
    for producers in [1, 4] {
        report(&format!("watermarks of {producers} threads"), || {
            across(producers, |_| Element::Watermark(0));
        });
        report(&format!("recycled frames of {producers} threads"), || {
            across(producers, |sender| {
                let mut batch = sender.spare().unwrap_or_default();
                batch.data.resize(FRAME, 0);
                batch.ends.push(FRAME as u32);
                Element::Batch(batch)
            });
        });
        report(&format!("fresh frames of {producers} threads"), || {
            across(producers, |_| {
                let mut batch = Batch::with_capacity(1, FRAME);
                batch.data.resize(FRAME, 0);
                batch.ends.push(FRAME as u32);
                Element::Batch(batch)
            });
        });
    }
}

/// Sends from threads to this one.
fn across(producers: usize, make: impl Fn(&mut Sender) -> Element + Copy + Send) {
    let signal = Signal::new();
    let (mut gate, senders) = gate(producers, CAPACITY, signal.clone());
    thread::scope(|scope| {
        for mut sender in senders {
            scope.spawn(move || {
                let cancel = CancelToken::new();
                for _ in 0..ELEMENTS / producers {
                    let element = make(&mut sender);
                    send(&mut sender, element, &cancel);
                }
                send(&mut sender, Element::EndOfPartition, &cancel);
            });
        }
        consume(&mut gate, &signal);
    });
}

fn consume(gate: &mut Gate, signal: &Signal) {
    let mut ended = 0;
    while ended < gate.channels() {
        match gate.next().expect("no producer fails") {
            None => {
                signal.wait(None);
            }
            Some((_, Element::Batch(batch))) => gate.recycle(batch),
            Some((_, Element::EndOfPartition)) => ended += 1,
            Some(_) => {}
        }
    }
}

fn send(sender: &mut Sender, element: Element, cancel: &CancelToken) {
    sender.send(element, cancel).expect("nobody cancels");
}

fn report(what: &str, pass: impl Fn()) {
    let clock = Clock::system();
    let time = || {
        let start = clock.monotonic();
        pass();
        clock.monotonic() - start
    };
    let best = (0..PASSES).map(|_| time()).min();
    let nanos = best.unwrap_or(Duration::ZERO).as_nanos() as f64 / ELEMENTS as f64;
    println!("{what:>32}: {nanos:6.0} ns per element");
}
