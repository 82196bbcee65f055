//! The header of a GGUF file: what a model says about itself.
//!
//! Owns: reading metadata and tensor shapes. The file may be hostile: every
//! length is bounded before anything is allocated.
//!
//! Does not: read weights.
//!
//! # Source
//!
//! GGUF version 3, ggml `docs/gguf.md`.

use std::io::{self, BufRead, Read};

use serde_json::{Map, Value};

/// What the header of a model file says.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct GgufHeader {
    /// Metadata; arrays and chat template left out.
    pub(crate) metadata: Map<String, Value>,
    /// The chat template, empty if there is none.
    pub(crate) template: String,
    /// Sum over tensors of the product of their dimensions.
    pub(crate) parameters: u64,
}

/// Why a file is not a model.
#[derive(Debug, thiserror::Error)]
pub enum GgufError {
    /// The file could not be read, or is too short.
    #[error("the header cannot be read to its end")]
    Read {
        /// What the system said.
        #[from]
        source: io::Error,
    },
    /// The first four bytes are not `GGUF`.
    #[error("it does not begin with GGUF; give a model file in that format")]
    Magic,
    /// The version is not one that is known.
    #[error("it has GGUF version {0}; versions 2 and 3 are read")]
    Version(u32),
    /// A count or a type is beyond reason.
    #[error("{what} is {value}, which no model has; download the file again")]
    Implausible {
        /// What was read.
        what: &'static str,
        /// Its value.
        value: u64,
    },
}

const KEYS_MAX: u64 = 100_000;
const TENSORS_MAX: u64 = 1_000_000;
const STRING_BYTES_MAX: u64 = 16 * 1024 * 1024;
const ARRAY_ITEMS_MAX: u64 = 100_000_000;

/// Reads the header at the start of `reader`.
///
/// # Errors
///
/// [`GgufError`] if the bytes are not a header.
pub(crate) fn read_header(reader: impl BufRead) -> Result<GgufHeader, GgufError> {
    let mut reader = Reader(reader);
    if reader.bytes::<4>()? != *b"GGUF" {
        return Err(GgufError::Magic);
    }
    let version = reader.u32()?;
    if !(2..=3).contains(&version) {
        return Err(GgufError::Version(version));
    }
    let tensors = bounded("the number of tensors", reader.u64()?, TENSORS_MAX)?;
    let keys = bounded("the number of keys", reader.u64()?, KEYS_MAX)?;
    let mut metadata = Map::new();
    let mut template = String::new();
    for _ in 0..keys {
        let key = reader.string()?;
        let kind = reader.u32()?;
        match reader.value(kind)? {
            Some(Value::String(text)) if key == "tokenizer.chat_template" => template = text,
            Some(value) => {
                metadata.insert(key, value);
            }
            None => {}
        }
    }
    let mut parameters = 0_u64;
    for _ in 0..tensors {
        parameters = parameters.saturating_add(reader.tensor_size()?);
    }
    Ok(GgufHeader { metadata, template, parameters })
}

fn bounded(what: &'static str, value: u64, most: u64) -> Result<u64, GgufError> {
    if value > most { Err(GgufError::Implausible { what, value }) } else { Ok(value) }
}

struct Reader<R>(R);

impl<R: BufRead> Reader<R> {
    fn bytes<const N: usize>(&mut self) -> Result<[u8; N], GgufError> {
        let mut bytes = [0; N];
        self.0.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    fn u32(&mut self) -> Result<u32, GgufError> {
        Ok(u32::from_le_bytes(self.bytes()?))
    }

    fn u64(&mut self) -> Result<u64, GgufError> {
        Ok(u64::from_le_bytes(self.bytes()?))
    }

    fn string(&mut self) -> Result<String, GgufError> {
        let length = bounded("the length of a string", self.u64()?, STRING_BYTES_MAX)?;
        let mut bytes = Vec::new();
        let read = (&mut self.0).take(length).read_to_end(&mut bytes)?;
        if u64::try_from(read) != Ok(length) {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    fn skip(&mut self, length: u64) -> Result<(), GgufError> {
        let skipped = io::copy(&mut (&mut self.0).take(length), &mut io::sink())?;
        if skipped == length {
            Ok(())
        } else {
            Err(io::Error::from(io::ErrorKind::UnexpectedEof).into())
        }
    }

    /// Reads a value; an array is passed over.
    fn value(&mut self, kind: u32) -> Result<Option<Value>, GgufError> {
        let value = match kind {
            0 => Value::from(self.bytes::<1>()?[0]),
            1 => Value::from(i8::from_le_bytes(self.bytes()?)),
            2 => Value::from(u16::from_le_bytes(self.bytes()?)),
            3 => Value::from(i16::from_le_bytes(self.bytes()?)),
            4 => Value::from(self.u32()?),
            5 => Value::from(i32::from_le_bytes(self.bytes()?)),
            6 => Value::from(f32::from_le_bytes(self.bytes()?)),
            7 => Value::from(self.bytes::<1>()?[0] != 0),
            8 => Value::from(self.string()?),
            9 => {
                self.skip_array()?;
                return Ok(None);
            }
            10 => Value::from(self.u64()?),
            11 => Value::from(i64::from_le_bytes(self.bytes()?)),
            12 => Value::from(f64::from_le_bytes(self.bytes()?)),
            other => return Err(unknown_type(other)),
        };
        Ok(Some(value))
    }

    fn skip_array(&mut self) -> Result<(), GgufError> {
        let kind = self.u32()?;
        let items = bounded("the length of an array", self.u64()?, ARRAY_ITEMS_MAX)?;
        let width = match kind {
            0 | 1 | 7 => 1,
            2 | 3 => 2,
            4..=6 => 4,
            10..=12 => 8,
            8 => {
                for _ in 0..items {
                    let length = bounded("the length of a string", self.u64()?, STRING_BYTES_MAX)?;
                    self.skip(length)?;
                }
                return Ok(());
            }
            other => return Err(unknown_type(other)),
        };
        self.skip(items.saturating_mul(width))
    }

    fn tensor_size(&mut self) -> Result<u64, GgufError> {
        self.string()?;
        let dimensions = bounded("a tensor's number of dimensions", self.u32()?.into(), 8)?;
        let mut size = 1_u64;
        for _ in 0..dimensions {
            size = size.saturating_mul(self.u64()?);
        }
        // Type and offset.
        self.skip(4 + 8)?;
        Ok(size)
    }
}

fn unknown_type(kind: u32) -> GgufError {
    GgufError::Implausible { what: "the type of a value", value: kind.into() }
}

/// Names a `general.file_type`, as Ollama prints it.
pub(crate) fn quantization_name(file_type: u64) -> &'static str {
    match file_type {
        0 => "F32",
        1 => "F16",
        2 => "Q4_0",
        3 => "Q4_1",
        7 => "Q8_0",
        8 => "Q5_0",
        9 => "Q5_1",
        10 => "Q2_K",
        11 => "Q3_K_S",
        12 => "Q3_K_M",
        13 => "Q3_K_L",
        14 => "Q4_K_S",
        15 => "Q4_K_M",
        16 => "Q5_K_S",
        17 => "Q5_K_M",
        18 => "Q6_K",
        32 => "BF16",
        _ => "unknown",
    }
}

/// Writes a number of parameters as Ollama does: `134.52M`, `1.24B`.
pub(crate) fn parameter_size(parameters: u64) -> String {
    let number = parameters as f64;
    match parameters {
        0..1_000 => format!("{parameters}"),
        1_000..1_000_000 => format!("{:.2}K", number / 1e3),
        1_000_000..1_000_000_000 => format!("{:.2}M", number / 1e6),
        _ => format!("{:.1}B", number / 1e9),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn text(bytes: &mut Vec<u8>, text: &str) {
        bytes.extend(u64::try_from(text.len()).unwrap().to_le_bytes());
        bytes.extend(text.as_bytes());
    }

    fn small_file() -> Vec<u8> {
        let mut bytes = b"GGUF\x03\0\0\0".to_vec();
        bytes.extend(2_u64.to_le_bytes());
        bytes.extend(3_u64.to_le_bytes());
        text(&mut bytes, "general.architecture");
        bytes.extend(8_u32.to_le_bytes());
        text(&mut bytes, "llama");
        text(&mut bytes, "tokens");
        bytes.extend(9_u32.to_le_bytes());
        bytes.extend(8_u32.to_le_bytes());
        bytes.extend(2_u64.to_le_bytes());
        text(&mut bytes, "a");
        text(&mut bytes, "b");
        text(&mut bytes, "general.file_type");
        bytes.extend(4_u32.to_le_bytes());
        bytes.extend(3_u32.to_le_bytes());
        for (name, dimensions) in [("x", vec![3_u64, 5]), ("y", vec![7])] {
            text(&mut bytes, name);
            bytes.extend(u32::try_from(dimensions.len()).unwrap().to_le_bytes());
            for dimension in dimensions {
                bytes.extend(dimension.to_le_bytes());
            }
            bytes.extend([0; 12]);
        }
        bytes
    }

    #[test]
    fn a_small_header_is_read() {
        let header = read_header(small_file().as_slice()).unwrap();
        assert_eq!(
            Value::Object(header.metadata),
            json!({"general.architecture": "llama", "general.file_type": 3})
        );
        assert_eq!(header.parameters, 3 * 5 + 7);
    }

    #[test]
    fn every_cut_of_a_header_is_an_error() {
        let whole = small_file();
        for length in 0..whole.len() {
            read_header(&whole[..length]).unwrap_err();
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            let mut file = b"GGUF\x03\0\0\0".to_vec();
            file.append(&mut bytes);
            drop(read_header(file.as_slice()));
        }

        #[test]
        fn no_changed_byte_makes_it_panic(position in 8_usize..200, value in any::<u8>()) {
            let mut file = small_file();
            let length = file.len();
            file[position % length] = value;
            drop(read_header(file.as_slice()));
        }
    }

    #[test]
    fn sizes_are_written_as_ollama_does() {
        assert_eq!(parameter_size(134_515_008), "134.52M");
        assert_eq!(parameter_size(1_235_814_432), "1.2B");
    }
}
