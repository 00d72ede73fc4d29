//! Reading every page of a store's file, past SQLite, to find those that are not as they were written.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use super::header::{self, HEADER_BYTES};
use super::page_sum::is_whole;

/// A page that another process is just writing may be half old and half new: it is read again.
const TRIES: usize = 5;

/// Returns the numbers of all pages whose checksum is wrong, the first page being 1.
///
/// # Errors
/// The file can't be read, or has no header of a store.
pub(crate) fn damaged_pages(path: &Path) -> io::Result<Vec<u64>> {
    let mut file = File::open(path)?;
    let mut header = [0; HEADER_BYTES];
    file.read_exact(&mut header)?;
    let bytes = header::page_bytes(&header).ok_or_else(|| io::Error::other("the header is not that of a store"))?;
    let (mut page, mut damaged, mut number) = (vec![0; bytes], Vec::new(), 0u64);
    let mut reader = io::BufReader::with_capacity(1 << 20, File::open(path)?);
    while fill(&mut reader, &mut page)? {
        let offset = number * bytes as u64;
        number += 1;
        if !is_whole(&page, offset) && !is_whole_now(&mut file, &mut page, offset)? {
            damaged.push(number);
        }
    }
    Ok(damaged)
}

/// Reads the next page; says whether there was a whole one.
fn fill(reader: &mut impl Read, page: &mut [u8]) -> io::Result<bool> {
    match reader.read_exact(page) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

fn is_whole_now(file: &mut File, page: &mut [u8], offset: u64) -> io::Result<bool> {
    for _ in 0..TRIES {
        file.seek(SeekFrom::Start(offset))?;
        // The file may have become shorter.
        if !fill(file, page)? || is_whole(page, offset) {
            return Ok(true);
        }
    }
    Ok(false)
}
