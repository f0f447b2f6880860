//! What is printed, to the byte.

use std::sync::Mutex;

use wasmill_types::Batch;

use super::*;
use crate::tests::{spec, told};

#[derive(Debug, Default)]
struct Memory(Mutex<Vec<u8>>);

impl Output for Memory {
    fn write(&self, lines: &[u8]) -> io::Result<()> {
        self.0.lock().unwrap().extend_from_slice(lines);
        Ok(())
    }
}

#[derive(Debug)]
struct Broken;

impl Output for Broken {
    fn write(&self, _: &[u8]) -> io::Result<()> {
        Err(io::ErrorKind::BrokenPipe.into())
    }
}

fn print(
    output: Arc<dyn Output>,
    prefix: Option<&str>,
    parallelism: u32,
) -> Result<(), ConnectorError> {
    let options: Vec<_> = prefix.iter().map(|text| ("prefix", *text)).collect();
    let sink = PrintSink::onto(&spec("print", &options), output)?;
    sink.prepare()?;
    let mut writer = sink.writer(WriterContext {
        subtask: 1,
        parallelism,
        attempt: 0,
        run: "r".to_owned(),
    })?;
    let mut batch = Batch::default();
    batch.push(b"one");
    batch.push(b"");
    batch.push("zwö".as_bytes());
    writer.write(&batch.view())?;
    writer.flush()?;
    sink.commit(writer.finish()?)
}

#[test]
fn lines_carry_prefix_and_subtask_as_in_flink() {
    for (prefix, parallelism, expected) in [
        (None, 1, "one\n\nzwö\n"),
        (None, 2, "2> one\n2> \n2> zwö\n"),
        (Some("p"), 1, "p> one\np> \np> zwö\n"),
        (Some("p"), 2, "p:2> one\np:2> \np:2> zwö\n"),
        (Some(""), 1, "one\n\nzwö\n"),
    ] {
        let memory = Arc::new(Memory::default());
        print(Arc::clone(&memory) as Arc<dyn Output>, prefix, parallelism).unwrap();
        let printed = memory.0.lock().unwrap();
        assert_eq!(String::from_utf8_lossy(&printed), expected);
    }
}

#[test]
fn an_output_that_is_closed_is_an_error() {
    let error = print(Arc::new(Broken), None, 1).unwrap_err();
    assert_eq!(
        told(error),
        "cannot write to `standard output`: broken pipe"
    );
}
