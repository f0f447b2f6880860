//! Control messages survive the wire in pieces of any size, and nothing else does.

use wasmill_actor::Rng;
use wasmill_types::id::{EdgeId, JobId};

use super::*;

fn random(rng: &mut Rng) -> Control {
    let mut number = || rng.next_u64() as u32;
    let (tag, credit) = (number(), number());
    if credit % 2 == 0 {
        return Control::Grant { tag, credit };
    }
    let channel = ChannelId {
        job: JobId(u128::from(number()) << 70),
        epoch: number(),
        edge: EdgeId(number()),
        producer: number(),
        consumer: number(),
    };
    Control::Subscribe {
        tag,
        channel,
        credit,
    }
}

#[test]
fn messages_survive_the_wire_in_pieces() {
    let mut rng = Rng::seeded(3);
    for _ in 0..200 {
        let sent: Vec<_> = (0..10).map(|_| random(&mut rng)).collect();
        let mut bytes = Vec::new();
        sent.iter().for_each(|message| message.encode(&mut bytes));
        let mut decoder = ControlDecoder::default();
        let mut received = Vec::new();
        let mut rest = bytes.as_slice();
        while !rest.is_empty() {
            let (piece, after) = rest.split_at(1 + rng.below(rest.len() as u64) as usize);
            decoder.feed(piece);
            received.extend(decoder.messages().unwrap());
            rest = after;
        }
        assert_eq!(received, sent);
        assert!(decoder.unread.is_empty());
    }
}

#[test]
fn random_bytes_are_messages_or_an_error() {
    let mut rng = Rng::seeded(4);
    for _ in 0..20_000 {
        let mut decoder = ControlDecoder::default();
        let bytes: Vec<u8> = (0..rng.below(100))
            .map(|_| match rng.below(3) {
                0 => 1 + rng.below(2) as u8,
                _ => rng.next_u64() as u8,
            })
            .collect();
        decoder.feed(&bytes);
        if let Ok(messages) = decoder.messages() {
            let mut again = Vec::new();
            messages
                .iter()
                .for_each(|message| message.encode(&mut again));
            assert_eq!(again, bytes[..again.len()]);
        }
    }
    let mut decoder = ControlDecoder::default();
    decoder.feed(&[9]);
    assert_eq!(
        decoder.messages().unwrap_err().to_string(),
        "no control message begins with the byte 9"
    );
}
