//! Reading every page of a store's file, past SQLite, to find those that are not as they were written.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use super::header::{self, HEADER_BYTES};
use super::page_sum::is_whole;

/// A page that another process is just writing may be half old and half new: it is read again.
const TRIES: usize = 5;

/// Returns the numbers of all pages whose checksum is wrong, the first page being 1, but for those that the log at `log` holds: a
/// power cut may leave a page half written that was being copied from there, and it is read from there and copied again.
///
/// # Errors
/// The file can't be read, or has no header of a store.
pub(crate) fn damaged_pages(path: &Path, log: &Path) -> io::Result<Vec<u64>> {
    let mut damaged = damaged_in_file(path)?;
    if !damaged.is_empty() {
        let logged = pages_in_log(log)?;
        damaged.retain(|page| !logged.contains(page));
    }
    Ok(damaged)
}

fn damaged_in_file(path: &Path) -> io::Result<Vec<u64>> {
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

const LOG_HEADER_BYTES: usize = 32;
const FRAME_HEADER_BYTES: usize = 24;

/// Returns the numbers of the pages that a log holds (<https://www.sqlite.org/fileformat2.html#the_write_ahead_log>); none if there
/// is no log.
fn pages_in_log(log: &Path) -> io::Result<HashSet<u64>> {
    let file = match File::open(log) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(HashSet::new()),
        opened => opened?,
    };
    let mut reader = io::BufReader::with_capacity(1 << 20, file);
    let mut header = [0; LOG_HEADER_BYTES];
    let (mut pages, mut uncommitted) = (HashSet::new(), Vec::new());
    if !fill(&mut reader, &mut header)? {
        return Ok(pages);
    }
    let mut frame = vec![0; FRAME_HEADER_BYTES + number(&header, 8) as usize];
    // Frames of an earlier use of the log have other salts.
    while fill(&mut reader, &mut frame)? && frame[8..16] == header[16..24] {
        uncommitted.push(u64::from(number(&frame, 0)));
        if number(&frame, 4) > 0 {
            pages.extend(uncommitted.drain(..));
        }
    }
    Ok(pages)
}

fn number(bytes: &[u8], at: usize) -> u32 {
    bytes[at..].first_chunk().map_or(0, |bytes| u32::from_be_bytes(*bytes))
}
