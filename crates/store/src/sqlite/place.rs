//! What lies at a store's path, found out without changing a byte of it.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use super::schema::FORMAT_VERSION;
use crate::file_layer::APPLICATION_ID;
use crate::{StoreError, StoreErrorKind};

/// What a file is, judged by its header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    /// There is no file.
    Nothing,
    /// The file has no content yet.
    Blank,
    /// A store.
    Store {
        /// The version of its format.
        version: u32,
        /// Whether its creation was finished: it then is in write-ahead mode.
        complete: bool,
    },
}

const HEADER_BYTES: usize = 100;
const MAGIC: &[u8; 16] = b"SQLite format 3\0";

/// Looks at the file.
///
/// # Errors
/// `NotOurs` for a folder or a file of something else, `Corrupt` for a file cut off within its header, `Io` and `NotWritable`
/// where it can't be read.
pub(super) fn look(path: &Path) -> Result<Found, StoreError> {
    let mut header = Vec::new();
    let file = match File::open(path) {
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return Ok(Found::Nothing),
        opened => opened.map_err(|error| StoreError::io(path, "open", error))?,
    };
    if file.metadata().is_ok_and(|metadata| metadata.is_dir()) {
        return Err(not_ours(path, "it is a folder; name a file in it"));
    }
    file.take(HEADER_BYTES as u64).read_to_end(&mut header).map_err(|error| StoreError::io(path, "read", error))?;
    judge(&header).map_err(|wrong| match wrong {
        Wrong::Foreign => not_ours(path, "it is a file of something else and was left as it is; name another file"),
        Wrong::Cut => StoreError::new(
            StoreErrorKind::Corrupt,
            format!("{} is cut off within its header; move it away to start a new store", path.display()),
        ),
    })
}

fn not_ours(path: &Path, why: &str) -> StoreError {
    StoreError::new(StoreErrorKind::NotOurs, format!("{} is no store of Flowglass: {why}", path.display()))
}

#[derive(Debug, PartialEq, Eq)]
enum Wrong {
    Foreign,
    Cut,
}

/// Judges the first bytes of a file; the layout is <https://www.sqlite.org/fileformat2.html#the_database_header>.
fn judge(header: &[u8]) -> Result<Found, Wrong> {
    let number = |at: usize| header.get(at..at + 4).map_or(0, |b| u32::from_be_bytes([b[0], b[1], b[2], b[3]]));
    if header.is_empty() {
        return Ok(Found::Blank);
    }
    if !header.starts_with(MAGIC) {
        return Err(Wrong::Foreign);
    }
    if header.len() < HEADER_BYTES {
        return Err(Wrong::Cut);
    }
    let (schema_cookie, version, application) = (number(40), number(60), number(68));
    match application {
        APPLICATION_ID => Ok(Found::Store { version, complete: header[18] == 2 }),
        0 if schema_cookie == 0 && version == 0 && number(28) <= 1 => Ok(Found::Blank),
        _ => Err(Wrong::Foreign),
    }
}

/// Says whether a transaction that made the store was cut off before its end: SQLite then finds its journal, whose first byte isn't
/// zero, and takes back what was done; a connection that only reads can't. Finished stores have a log and no journal.
pub(super) fn was_cut_off(path: &Path) -> bool {
    let mut first = [0];
    let journal = File::open(beside(path, "-journal"));
    journal.is_ok_and(|mut journal| journal.read_exact(&mut first).is_ok()) && first != [0]
}

/// Tells a file from another that takes its place: its device and its number there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Identity(u64, u64);

/// Returns which file is at a path, if there is one and the system tells files apart.
pub(super) fn identity(path: &Path) -> Option<Identity> {
    #[cfg(unix)]
    return std::fs::metadata(path).ok().map(|found| {
        use std::os::unix::fs::MetadataExt as _;
        Identity(found.dev(), found.ino())
    });
    #[cfg(not(unix))]
    // Open files can't be removed there.
    return path.exists().then_some(Identity(0, 0));
}

/// Makes the error for a file that is gone, or was replaced, while it is open.
pub(super) fn gone(path: &Path) -> StoreError {
    let message = format!(
        "{} was removed or replaced while it was open, and what is written now would be lost; open it anew to make a new store",
        path.display()
    );
    StoreError::new(StoreErrorKind::NotFound, message)
}

/// Makes the error for a format that this version can't use.
pub(super) fn newer(path: &Path, version: u32) -> StoreError {
    let message = format!(
        "{} has format {version}, and this version knows formats up to {FORMAT_VERSION}; update Flowglass, or name another file",
        path.display()
    );
    StoreError::new(StoreErrorKind::Newer, message)
}

/// Makes the error for a format from before the first release.
pub(super) fn older(path: &Path, version: u32) -> StoreError {
    let message = format!(
        "{} has format {version}, which no release has written and this version can't read; move it away to start a new store",
        path.display()
    );
    StoreError::new(StoreErrorKind::Unsupported, message)
}

/// Refuses a place on a network file system: write-ahead logs need memory that all processes share.
///
/// # Errors
/// `Unsupported`.
pub(super) fn refuse_network(path: &Path) -> Result<(), StoreError> {
    match network_of(path) {
        None => Ok(()),
        Some(name) => Err(StoreError::new(
            StoreErrorKind::Unsupported,
            format!(
                "{} lies on a network file system ({name}), where a store can't work; name a place on a local disk",
                path.display()
            ),
        )),
    }
}

#[cfg(target_os = "linux")]
fn network_of(path: &Path) -> Option<&'static str> {
    let mut existing = Some(path);
    while let Some(place) = existing {
        let place = if place.as_os_str().is_empty() { Path::new(".") } else { place };
        if let Ok(found) = rustix::fs::statfs(place) {
            return network_file_system(found.f_type as u32);
        }
        existing = place.parent();
    }
    None
}

#[cfg(not(target_os = "linux"))]
fn network_of(_path: &Path) -> Option<&'static str> {
    None
}

/// Returns the name of the network file system with this number in `statfs(2)`, if it is one.
#[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "only Linux tells file systems by number"))]
const fn network_file_system(magic: u32) -> Option<&'static str> {
    Some(match magic {
        0x6969 => "NFS",
        0x517b | 0xff53_4d42 | 0xfe53_4d42 => "SMB",
        0x0102_1997 => "9p",
        0x5346_414f | 0x6b41_4653 => "AFS",
        0x00c3_6400 => "Ceph",
        0x0bd0_0bd0 => "Lustre",
        0x4750_4653 => "GPFS",
        0x7375_7245 => "Coda",
        0x564c => "NCP",
        _ => return None,
    })
}

/// Returns the path of a file beside the store's, with this ending behind its name.
pub(super) fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(application: u32, version: u32) -> Vec<u8> {
        let mut header = MAGIC.to_vec();
        header.resize(HEADER_BYTES, 0);
        header[18] = 2;
        header[60..64].copy_from_slice(&version.to_be_bytes());
        header[68..72].copy_from_slice(&application.to_be_bytes());
        header
    }

    #[test]
    fn headers_are_told_apart() {
        assert_eq!(judge(&[]), Ok(Found::Blank));
        assert_eq!(judge(&header(0, 0)), Ok(Found::Blank));
        assert_eq!(judge(&header(APPLICATION_ID, 7)), Ok(Found::Store { version: 7, complete: true }));
        assert_eq!(judge(&header(0, 3)), Err(Wrong::Foreign));
        assert_eq!(judge(&header(1, 1)), Err(Wrong::Foreign));
        assert_eq!(judge(b"hello"), Err(Wrong::Foreign));
        assert_eq!(judge(&header(APPLICATION_ID, 1)[..50]), Err(Wrong::Cut));
        let mut with_tables = header(0, 0);
        with_tables[43] = 1;
        assert_eq!(judge(&with_tables), Err(Wrong::Foreign));
    }

    #[test]
    fn network_file_systems_are_known_by_number() {
        assert_eq!(network_file_system(0x6969), Some("NFS"));
        assert_eq!(network_file_system(0xff53_4d42), Some("SMB"));
        assert_eq!(network_file_system(0x0102_1997), Some("9p"));
        for local in [0xef53, 0x9123_683e, 0x5846_5342, 0x0102_1994, 0x794c_7630, 0x2fc1_2fc1] {
            assert_eq!(network_file_system(local), None);
        }
    }

    #[test]
    fn a_folder_is_refused_and_a_missing_file_is_nothing() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(look(folder.path()).unwrap_err().kind(), StoreErrorKind::NotOurs);
        assert_eq!(look(&folder.path().join("x.db")).unwrap(), Found::Nothing);
        assert_eq!(look(Path::new("/dev/null/x.db")).unwrap(), Found::Nothing);
    }
}
