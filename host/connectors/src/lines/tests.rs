//! Ranges of any size give every line once; long lines are told from others to the byte.

use std::io::Cursor;

use super::*;

/// A stream that gives at most `step` bytes at a time.
struct Slow<'a> {
    bytes: Cursor<&'a [u8]>,
    step: usize,
}

impl Read for Slow<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let step = self.step.min(buffer.len());
        self.bytes.read(&mut buffer[..step])
    }
}

#[derive(Debug, PartialEq, Eq, Clone)]
enum Got {
    Line(u64, Vec<u8>),
    TooLong(u64),
}

/// The lines that the reader of `start..end` gets; it leaves off and starts again after each batch.
fn read(
    text: &[u8],
    (start, end): (u64, u64),
    limit: usize,
    (step, batch): (usize, usize),
) -> Vec<Got> {
    let open = |from: u64| {
        let bytes = Cursor::new(&text[from as usize..]);
        Window::new(Slow { bytes, step }, from)
    };
    let mut lines = match start {
        0 => Lines::new(open(0), limit, end),
        _ => {
            let mut lines = Lines::new(open(start - 1), limit, end);
            lines.align();
            lines
        }
    };
    let mut got = Vec::new();
    loop {
        let enough = got.len() + batch;
        let step = lines.next(|offset, line| {
            got.push(Got::Line(offset, line.to_vec()));
            if got.len() == enough {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        });
        match step {
            Step::Enough => {
                let position = lines.position().expect("a line has come");
                lines = Lines::new(open(position), limit, end);
            }
            Step::NeedInput => drop(lines.fill().unwrap()),
            Step::TooLong { start } => got.push(Got::TooLong(start)),
            Step::End => return got,
        }
    }
}

/// What a plain reading of the whole text gives.
fn expected(text: &[u8], limit: usize) -> Vec<Got> {
    let mut start = 0;
    let mut got = Vec::new();
    for piece in text.split_inclusive(|byte| *byte == b'\n') {
        let line = match piece.strip_suffix(b"\n") {
            Some(line) => line.strip_suffix(b"\r").unwrap_or(line),
            None => piece,
        };
        got.push(match line.len() <= limit {
            true => Got::Line(start, line.to_vec()),
            false => Got::TooLong(start),
        });
        start += piece.len() as u64;
    }
    got
}

/// Numbers that look random and are the same in every run.
fn numbers(mut seed: u64) -> impl FnMut(u64) -> u64 {
    move |below| {
        seed = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) % below
    }
}

#[test]
fn any_division_gives_every_line_once_and_in_order() {
    for seed in 0..3000 {
        let mut number = numbers(seed);
        let length = number(60);
        let letters = b"ab\n\n\r\r\nx";
        let text: Vec<u8> = (0..length).map(|_| letters[number(8) as usize]).collect();
        let limit = [3, 5, 1000][number(3) as usize];
        let size = 1 + number(length + 2);
        let pace = (1 + number(9) as usize, 1 + number(4) as usize);
        let mut got = Vec::new();
        let mut start = 0;
        while start < length {
            let end = (start + size).min(length);
            got.extend(read(&text, (start, end), limit, pace));
            start = end;
        }
        let shown = String::from_utf8_lossy(&text).into_owned();
        assert_eq!(
            got,
            expected(&text, limit),
            "seed {seed}: {shown:?} in parts of {size}"
        );
    }
}

#[test]
fn a_line_longer_than_the_buffer_and_than_the_range_comes_once() {
    let long = "y".repeat(crate::window::INITIAL_BYTES * 3);
    let text = format!("short\n{long}\r\nlast");
    let size = 100_000;
    for limit in [long.len(), long.len() - 1, 10] {
        let length = text.len() as u64;
        let starts = (0..length).step_by(size);
        let got: Vec<_> = starts
            .flat_map(|start| {
                let end = (start + size as u64).min(length);
                read(text.as_bytes(), (start, end), limit, (1 << 20, 1 << 20))
            })
            .collect();
        assert!(got == expected(text.as_bytes(), limit), "limit {limit}");
    }
}

#[test]
fn a_line_without_end_is_not_gathered() {
    let limit = 1000;
    let window = Window::new(io::repeat(b'z').take(100 << 20), 0);
    let mut lines = Lines::new(window, limit, u64::MAX);
    let mut reported = 0;
    loop {
        match lines.next(|_, _| ControlFlow::Continue(())) {
            Step::TooLong { start: 0 } => reported += 1,
            Step::NeedInput => drop(lines.fill().unwrap()),
            Step::End => break,
            step => panic!("{step:?}"),
        }
        assert!(lines.window().bytes().len() <= crate::window::INITIAL_BYTES);
    }
    assert_eq!(reported, 1);
}
