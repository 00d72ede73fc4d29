//! What the layer reads in the header of a database: whether it is a store, and how large its pages are.

/// "FLGW": marks a SQLite file as a store.
pub(crate) const APPLICATION_ID: u32 = 0x464c_4757;
/// The length of a header, in bytes.
pub(super) const HEADER_BYTES: usize = 100;

/// Returns the size of the pages, in bytes, if this is the header of a store
/// (<https://www.sqlite.org/fileformat2.html#the_database_header>).
pub(super) fn page_bytes(header: &[u8]) -> Option<usize> {
    let header = header.first_chunk::<HEADER_BYTES>()?;
    let application = u32::from_be_bytes([header[68], header[69], header[70], header[71]]);
    if application != APPLICATION_ID {
        return None;
    }
    match usize::from(u16::from_be_bytes([header[16], header[17]])) {
        1 => Some(65_536),
        bytes if bytes >= 512 && bytes.is_power_of_two() => Some(bytes),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_store_has_summed_pages() {
        let mut header = [0; HEADER_BYTES];
        assert_eq!(page_bytes(&header), None);
        header[68..72].copy_from_slice(&APPLICATION_ID.to_be_bytes());
        assert_eq!(page_bytes(&header), None);
        header[16] = 16;
        assert_eq!((page_bytes(&header), page_bytes(&header[..99])), (Some(4096), None));
        (header[16], header[17]) = (0, 1);
        assert_eq!(page_bytes(&header), Some(65_536));
    }
}
