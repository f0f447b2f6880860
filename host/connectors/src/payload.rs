//! How several values become one record of the format `fields`: for each value an LEB128 length and
//! its bytes.

/// An empty value, longer than [`push_length`] makes it: the record goes on with names and values in
/// turn, where only values are expected.
pub(crate) const NAMED: [u8; 2] = [0x80, 0x00];

/// Appends a length of seven bits a byte, low bits first.
#[inline]
pub(crate) fn push_length(data: &mut Vec<u8>, mut length: usize) {
    while length >= 0x80 {
        data.push(length as u8 | 0x80);
        length >>= 7;
    }
    data.push(length as u8);
}

/// Appends one value.
#[inline]
pub(crate) fn push_field(data: &mut Vec<u8>, value: &[u8]) {
    push_length(data, value.len());
    data.extend_from_slice(value);
}

/// Appends one value that `write` appends to the data it is given.
#[inline]
pub(crate) fn push_field_with(data: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    let length_at = data.len();
    data.push(0);
    write(data);
    let length = data.len() - length_at - 1;
    if length < 0x80 {
        data[length_at] = length as u8;
    } else {
        let mut encoded = Vec::with_capacity(5);
        push_length(&mut encoded, length);
        data.splice(length_at..=length_at, encoded);
    }
}

/// The values of a record.
#[cfg(test)]
pub(crate) fn fields(mut record: &[u8]) -> Vec<String> {
    let mut fields = Vec::new();
    while !record.is_empty() {
        let (mut length, mut shift) = (0, 0);
        loop {
            let byte = record[0];
            record = &record[1..];
            length |= usize::from(byte & 0x7f) << shift;
            shift += 7;
            if byte < 0x80 {
                break;
            }
        }
        fields.push(String::from_utf8_lossy(&record[..length]).into_owned());
        record = &record[length..];
    }
    fields
}
