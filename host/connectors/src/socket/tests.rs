//! A real server on the loopback interface.

use std::io::Write;
use std::net::TcpListener;

use wasmill_types::operator::BadRecordPolicy;

use super::*;
use crate::tests::{BUDGET, CONTEXT, drain, spec, told};

/// A reader of what `listener` will send.
fn reader(listener: &TcpListener, context: ReaderContext) -> Box<dyn SourceReader> {
    let port = listener.local_addr().unwrap().port().to_string();
    let options = [("host", "127.0.0.1"), ("port", port.as_str())];
    let source = SocketSource::parse(&spec("socket", &options)).unwrap();
    assert!(!source.is_bounded());
    let splits = source.splits(8).unwrap();
    assert_eq!(splits.len(), 1, "one subtask reads");
    let mut reader = source.reader(context).unwrap();
    reader.assign(splits[0].clone()).unwrap();
    reader
}

/// Polls until the connection stands.
fn accept(listener: &TcpListener, reader: &mut dyn SourceReader) -> TcpStream {
    let mut batch = Batch::default();
    let status = reader.poll(0, BUDGET, &mut batch).unwrap();
    assert_ne!(status, PollStatus::Finished, "the server has not closed");
    listener.accept().unwrap().0
}

#[test]
fn lines_come_as_the_server_sends_them_until_it_closes() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut reader = reader(&listener, CONTEXT);
    let mut server = accept(&listener, reader.as_mut());
    let mut batch = Batch::default();

    let status = reader.poll(1000, BUDGET, &mut batch).unwrap();
    assert_eq!(status, PollStatus::IdleUntil(1020), "nothing was sent");

    server.write_all(b"one\ntwo\r\nthr").unwrap();
    while batch.len() < 2 {
        reader.poll(2000, BUDGET, &mut batch).unwrap();
    }
    let lines: Vec<_> = batch.view().records().collect();
    assert_eq!(lines, [&b"one"[..], b"two"]);
    let port = listener.local_addr().unwrap().port();
    assert_eq!(reader.locate(1), Some(format!("127.0.0.1:{port}, byte 4")));
    assert_eq!(reader.snapshot().len(), 1);

    server.write_all(b"ee\nlast").unwrap();
    drop(server);
    let rest = drain(reader.as_mut(), BUDGET).unwrap();
    let rest: Vec<_> = rest.iter().map(|(line, _)| line.as_slice()).collect();
    assert_eq!(rest, [&b"three"[..], b"last"]);
    assert_eq!(reader.snapshot(), []);
}

#[test]
fn a_budget_leaves_the_rest_for_the_next_poll() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut reader = reader(&listener, CONTEXT);
    let mut server = accept(&listener, reader.as_mut());
    server.write_all(b"1\n2\n3\n4\n5\n").unwrap();
    drop(server);
    let budget = Budget {
        bytes: 1 << 20,
        records: 2,
    };
    let mut sizes = Vec::new();
    loop {
        let mut batch = Batch::default();
        let status = reader.poll(0, budget, &mut batch).unwrap();
        sizes.push(batch.len());
        if status == PollStatus::Finished {
            break;
        }
    }
    assert_eq!(sizes.iter().sum::<usize>(), 5);
    assert!(sizes.iter().all(|size| *size <= 2), "{sizes:?}");
}

#[test]
fn a_line_over_the_limit_ends_the_job_or_is_skipped() {
    for (policy, expected) in [
        (
            BadRecordPolicy::Fail,
            Err(
                "the line is longer than the limit of 4 bytes for a record; leave such records out with \
                 `--on-bad-record skip`",
            ),
        ),
        (BadRecordPolicy::Skip, Ok(vec!["one", "six"])),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let context = ReaderContext {
            max_record_bytes: 4,
            on_bad_record: policy,
            ..CONTEXT
        };
        let mut reader = reader(&listener, context);
        let mut server = accept(&listener, reader.as_mut());
        server.write_all(b"one\ntoo long\nsix\n").unwrap();
        drop(server);
        match (drain(reader.as_mut(), BUDGET), expected) {
            (Ok(lines), Ok(expected)) => {
                let lines: Vec<_> = lines.into_iter().map(|(line, _)| line).collect();
                assert_eq!(
                    lines,
                    expected
                        .iter()
                        .map(|line| line.as_bytes())
                        .collect::<Vec<_>>()
                );
                assert_eq!(reader.bad_records(), 1);
            }
            (Err(error), Err(expected)) => {
                let error = told(error);
                assert!(error.ends_with(&format!(", byte 4: {expected}")), "{error}");
            }
            (got, expected) => panic!("{got:?}, not {expected:?}"),
        }
    }
}

#[test]
fn a_server_that_is_not_there_is_named() {
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
        .to_string();
    for (host, expected) in [
        (
            "127.0.0.1",
            format!("cannot connect to `127.0.0.1:{port}`: Connection refused (os error 111)"),
        ),
        (
            "no.such.host.invalid",
            format!("cannot find the address of `no.such.host.invalid:{port}`: "),
        ),
    ] {
        let options = [("host", host), ("port", port.as_str())];
        let source = SocketSource::parse(&spec("socket", &options)).unwrap();
        let mut reader = source.reader(CONTEXT).unwrap();
        let assigned = reader.assign(source.splits(1).unwrap().remove(0));
        let error = assigned
            .and_then(|()| drain(reader.as_mut(), BUDGET).map(drop))
            .unwrap_err();
        let error = told(error);
        assert!(error.starts_with(&expected), "{error}");
    }
}

#[test]
fn a_server_that_does_not_answer_is_given_up_after_the_time_out() {
    // A listener whose queue is full lets further attempts wait.
    let listener = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    listener
        .bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into())
        .unwrap();
    listener.listen(0).unwrap();
    let address = listener.local_addr().unwrap().as_socket().unwrap();
    let wait = Duration::from_millis(50);
    let waiting: Vec<_> = (0..4)
        .map(|_| TcpStream::connect_timeout(&address, wait))
        .collect();
    assert!(waiting.last().unwrap().is_err(), "the queue is full");

    let port = address.port().to_string();
    let options = [
        ("host", "127.0.0.1"),
        ("port", port.as_str()),
        ("connect-timeout", "3 s"),
    ];
    let source = SocketSource::parse(&spec("socket", &options)).unwrap();
    let mut reader = source.reader(CONTEXT).unwrap();
    reader.assign(source.splits(1).unwrap().remove(0)).unwrap();
    let mut poll = |now| reader.poll(now, BUDGET, &mut Batch::default());
    assert_eq!(poll(10_000).unwrap(), PollStatus::IdleUntil(10_005));
    assert_eq!(poll(12_999).unwrap(), PollStatus::IdleUntil(13_004));
    let error = told(poll(13_000).unwrap_err());
    assert_eq!(
        error,
        format!("cannot connect to `127.0.0.1:{port}`: timed out")
    );
}

#[test]
fn a_reader_without_the_split_is_done() {
    let options = [("host", "127.0.0.1"), ("port", "1")];
    let source = SocketSource::parse(&spec("socket", &options)).unwrap();
    let mut reader = source.reader(CONTEXT).unwrap();
    assert_eq!(drain(reader.as_mut(), BUDGET).unwrap(), []);
}
