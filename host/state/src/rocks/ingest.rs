//! Brings many rows into a database at once: as files that are written in order and then adopted.
//!
//! Used by [`super::restore`]. Invariant: rows come in ascending order of their places and are not in the
//! database yet, so the files need neither log, nor write buffer, nor compaction.

use std::path::PathBuf;

use rocksdb::{DB, IngestExternalFileOptions, SstFileWriter};

use crate::error::StateError;
use crate::rocks::database::Tuning;
use crate::rocks::home::Home;
use crate::row::Row;

/// Writes files for one ascending run of rows.
pub(super) struct Ingest<'a> {
    tuning: &'a Tuning,
    home: &'a Home,
    open: Option<SstFileWriter<'a>>,
    files: Vec<PathBuf>,
    place: Vec<u8>,
    /// Of the rows in the open file, unpacked.
    bytes: u64,
}

impl<'a> Ingest<'a> {
    pub(super) fn new(tuning: &'a Tuning, home: &'a Home) -> Self {
        Self {
            tuning,
            home,
            open: None,
            files: Vec::new(),
            place: Vec::new(),
            bytes: 0,
        }
    }

    pub(super) fn push(&mut self, row: &Row<'_>) -> Result<(), StateError> {
        self.place.clear();
        row.encode_place(&mut self.place);
        let failed = || StateError::rocks("write rows for", self.home.path());
        if self.open.is_none() {
            let path = self
                .home
                .scratch()
                .join(format!("{}.sst", self.files.len()));
            let writer = SstFileWriter::create(&self.tuning.options);
            writer.open(&path).map_err(failed())?;
            self.files.push(path);
            self.open = Some(writer);
        }
        let writer = self.open.as_mut().expect("it was just opened");
        writer.put(&self.place, row.value).map_err(failed())?;
        self.bytes += (self.place.len() + row.value.len()) as u64;
        if self.bytes >= self.tuning.file_size {
            self.close()?;
        }
        Ok(())
    }

    /// Lets the database adopt the files.
    pub(super) fn finish(mut self, db: &DB) -> Result<(), StateError> {
        self.close()?;
        if self.files.is_empty() {
            return Ok(());
        }
        let mut options = IngestExternalFileOptions::default();
        options.set_move_files(true);
        let adopted = db.ingest_external_file_opts(&options, self.files);
        adopted.map_err(StateError::rocks("adopt rows into", self.home.path()))
    }

    fn close(&mut self) -> Result<(), StateError> {
        self.bytes = 0;
        let Some(mut writer) = self.open.take() else {
            return Ok(());
        };
        let failed = StateError::rocks("write rows for", self.home.path());
        writer.finish().map_err(failed)
    }
}
