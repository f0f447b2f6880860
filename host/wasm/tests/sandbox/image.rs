//! Memory images: values of `wit/` as the bytes that a guest would have, for functions that return them.

/// Bytes from an address on.
pub(crate) struct Image {
    base: usize,
    bytes: Vec<u8>,
}

impl Image {
    pub(crate) fn at(base: usize) -> Self {
        let bytes = Vec::new();
        Self { base, bytes }
    }

    /// Appends bytes after padding, and returns their address.
    pub(crate) fn put(&mut self, align: usize, bytes: &[u8]) -> u32 {
        while !(self.base + self.bytes.len()).is_multiple_of(align) {
            self.bytes.push(0);
        }
        let at = self.base + self.bytes.len();
        self.bytes.extend_from_slice(bytes);
        at as u32
    }

    /// Appends a text: its address and length, as they stand in a record.
    pub(crate) fn text(&mut self, text: &str) -> [u32; 2] {
        [self.put(1, text.as_bytes()), text.len() as u32]
    }

    /// Appends words, and returns their address.
    pub(crate) fn words(&mut self, words: &[u32]) -> u32 {
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        self.put(8, &bytes)
    }

    pub(crate) fn base(&self) -> usize {
        self.base
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}
