//! The `file` sink: its options, the check of the directory, and the writer of one subtask.
//!
//! Invariant: a writer knows every file that it made; when it is dropped before it has finished it
//! removes them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use memchr::memchr;
use wasmill_types::BatchView;
use wasmill_types::job::ConnectorSpec;
use wasmill_types::size::ByteSize;

use super::commit::{self, OnExisting};
use super::directory::Directory;
use super::part::{OpenPart, StagedPart, remove};
use super::{EXTENSION, FORMAT, Format, HEADER, ON_EXISTING, PATH, ROLL_BYTES, SINK};
use crate::access::Access;
use crate::catalog::cut;
use crate::error::ConnectorError;
use crate::options::Options;
use crate::sink::{Committable, Recovery, Sink, SinkWriter, WriterContext};

/// The longest extension, in bytes.
const MAX_EXTENSION: usize = 32;

/// The `file` sink.
#[derive(Debug)]
pub(crate) struct FileSink {
    target: Arc<Target>,
}

/// What a writer needs to know.
#[derive(Debug)]
struct Target {
    directory: Directory,
    /// Whether a record may hold line ends.
    multiline: bool,
    extension: String,
    header: Option<String>,
    on_existing: OnExisting,
    roll_bytes: u64,
}

impl FileSink {
    pub(crate) fn parse(spec: &ConnectorSpec, access: &Access) -> Result<Self, ConnectorError> {
        let options = Options::check(spec, &SINK)?;
        let path = options.always(PATH)?;
        if path.is_empty() {
            return Err(options.bad(PATH, "it must name a directory"));
        }
        access.creatable(Path::new(path))?;
        let format = options.one_of(FORMAT, &Format::WORDS)?;
        let by_format = match format {
            Format::Lines => "txt",
            Format::Csv => "csv",
            Format::JsonLines => "jsonl",
        };
        let extension = options.text(EXTENSION)?.unwrap_or(by_format);
        let fine = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        let dotted = extension.starts_with('.') || extension.is_empty();
        if dotted || extension.len() > MAX_EXTENSION || !extension.chars().all(fine) {
            let reason =
                "it must be 1 to 32 of a-z, A-Z, 0-9, `.`, `-` and `_`, without a dot in front";
            return Err(options.bad(EXTENSION, reason));
        }
        let header = options.text(HEADER)?.map(str::to_owned);
        if header.as_ref().is_some_and(|header| header.contains('\n')) {
            return Err(options.bad(HEADER, "it must be a single line"));
        }
        let roll_bytes = options.always_parsed::<ByteSize>(ROLL_BYTES)?.0;
        if roll_bytes == 0 {
            return Err(options.bad(ROLL_BYTES, "it must be at least 1 byte"));
        }
        let target = Target {
            directory: Directory::new(PathBuf::from(path), access.clone()),
            multiline: format == Format::Csv,
            extension: extension.to_owned(),
            header,
            on_existing: options.one_of(ON_EXISTING, &OnExisting::WORDS)?,
            roll_bytes,
        };
        Ok(Self {
            target: Arc::new(target),
        })
    }
}

impl Target {
    /// Refuses records that would read back as several.
    fn check_lines(&self, records: &BatchView<'_>) -> Result<(), ConnectorError> {
        if self.multiline || memchr(b'\n', records.data).is_none() {
            return Ok(());
        }
        let broken = records.records().find(|record| record.contains(&b'\n'));
        Err(ConnectorError::LineEnd {
            path: self.directory.path().to_owned(),
            record: cut(&String::from_utf8_lossy(broken.unwrap_or_default())
                .escape_debug()
                .to_string()),
        })
    }
}

impl Sink for FileSink {
    fn prepare(&self) -> Result<(), ConnectorError> {
        let target = &self.target;
        let directory = target.directory.prepare()?;
        if target.on_existing == OnExisting::Fail
            && let Some(name) = commit::part_files(&directory)?.into_iter().next()
        {
            return Err(ConnectorError::Occupied {
                path: target.directory.path().to_owned(),
                example: name.to_string(),
            });
        }
        target.directory.check_writable(&directory)
    }

    fn prepare_for_checkpoints(&self) -> Result<(), ConnectorError> {
        self.prepare()?;
        if self.target.on_existing == OnExisting::Overwrite {
            // New files will be visible while the job runs, so the old ones cannot wait for its end.
            commit::remove_old(&self.target.directory.open()?)?;
        }
        Ok(())
    }

    fn commit_checkpoint(&self, parts: Vec<Committable>) -> Result<(), ConnectorError> {
        let directory = self.target.directory.open()?;
        self.target.directory.keep();
        commit::commit_checkpoint(&directory, &StagedPart::of_all(&parts)?, |other| {
            self.target.directory.allows(other)
        })
    }

    fn recover(&self, recovery: &Recovery) -> Result<(), ConnectorError> {
        self.commit_checkpoint(recovery.commit.clone())?;
        let directory = self.target.directory.open()?;
        commit::remove_left(&directory, recovery)
    }

    fn writer(&self, context: WriterContext) -> Result<Box<dyn SinkWriter>, ConnectorError> {
        let directory = self.target.directory.open()?;
        let next_sequence = match self.target.on_existing {
            OnExisting::Fail | OnExisting::Overwrite => 0,
            OnExisting::Append => commit::next_sequence(&directory, context.subtask)?,
        };
        Ok(Box::new(FileWriter {
            target: Arc::clone(&self.target),
            directory,
            context,
            next_sequence,
            open: None,
            staged: Vec::new(),
        }))
    }

    fn commit(&self, parts: Vec<Committable>) -> Result<(), ConnectorError> {
        let directory = self.target.directory.open()?;
        let staged = StagedPart::of_all(&parts)?;
        commit::commit(&directory, self.target.on_existing, &staged)?;
        self.target.directory.keep();
        Ok(())
    }

    fn discard(&self, parts: Vec<Committable>) -> Result<(), ConnectorError> {
        let directory = self.target.directory.checked()?;
        let staged = StagedPart::of_all(&parts)?;
        commit::discard(&directory, &staged)
    }
}

/// Writes the part files of one subtask.
#[derive(Debug)]
struct FileWriter {
    target: Arc<Target>,
    directory: PathBuf,
    context: WriterContext,
    next_sequence: u32,
    open: Option<OpenPart>,
    staged: Vec<StagedPart>,
}

impl FileWriter {
    /// The part file to write to; made when the first record comes, so that a subtask without records
    /// leaves no file.
    fn part(&mut self) -> Result<&mut OpenPart, ConnectorError> {
        let part = match self.open.take() {
            Some(part) => part,
            None => {
                let name = commit::PartName {
                    subtask: self.context.subtask,
                    sequence: self.next_sequence,
                    extension: self.target.extension.clone(),
                };
                self.next_sequence += 1;
                self.target.directory.claim(&self.directory);
                let mut part = OpenPart::create(&self.directory, name, &self.context)?;
                if let Some(header) = &self.target.header {
                    part.push(header.as_bytes());
                }
                part
            }
        };
        Ok(self.open.insert(part))
    }

    fn close_part(&mut self) -> Result<(), ConnectorError> {
        if let Some(part) = &mut self.open {
            let staged = part.stage()?;
            self.open = None;
            self.staged.push(staged);
        }
        Ok(())
    }
}

impl SinkWriter for FileWriter {
    fn write(&mut self, records: &BatchView<'_>) -> Result<(), ConnectorError> {
        self.target.check_lines(records)?;
        let roll_bytes = self.target.roll_bytes;
        let mut records = records.records().peekable();
        while records.peek().is_some() {
            let part = self.part()?;
            // At least one record, even if the header alone is large enough.
            for record in records.by_ref() {
                part.push(record);
                if part.bytes() >= roll_bytes {
                    break;
                }
            }
            part.write_when_large()?;
            if part.bytes() >= roll_bytes {
                self.close_part()?;
            }
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), ConnectorError> {
        self.open.as_mut().map_or(Ok(()), OpenPart::write_out)
    }

    fn prepare_commit(&mut self) -> Result<Vec<Committable>, ConnectorError> {
        self.close_part()?;
        let mut parts = Vec::with_capacity(self.staged.len());
        // One by one, so that after an error the writer still knows the rest.
        while let Some(part) = self.staged.pop() {
            let mut part = part.hand_over(&self.directory)?;
            part.directory = Some(self.directory.clone());
            parts.push(part.committable());
        }
        parts.reverse();
        if !parts.is_empty() {
            commit::sync(&self.directory)?;
        }
        Ok(parts)
    }

    fn finish(mut self: Box<Self>) -> Result<Vec<Committable>, ConnectorError> {
        self.close_part()?;
        let staged = std::mem::take(&mut self.staged);
        if staged.is_empty() {
            // The output of a job without records is an empty directory.
            self.target.directory.keep();
        }
        Ok(staged.iter().map(StagedPart::committable).collect())
    }
}

impl Drop for FileWriter {
    fn drop(&mut self) {
        let open = self.open.take().map(|part| part.path().to_owned());
        let staged = self.staged.iter();
        let staged = staged.map(|part| self.directory.join(&part.temporary));
        for path in staged.chain(open) {
            if let Err(error) = remove(&path) {
                tracing::warn!(path = %path.display(), %error, "left a temporary file behind");
            }
        }
    }
}
