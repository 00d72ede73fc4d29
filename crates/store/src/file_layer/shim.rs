//! The layer as SQLite sees it: a file system (VFS) of its own, and the calls for each open file.
//!
//! SQLite gives each file a piece of memory as large as the layer asks for. Ours begins with a [`ShimFile`], and behind it lies
//! the file of SQLite's own layer, which every call is passed on to.
#![expect(unsafe_code, reason = "SQLite calls a file system through pointers")]

use std::ffi::{CStr, c_char, c_int, c_void};
use std::mem::size_of;
use std::path::Path;
use std::ptr;
use std::slice;
use std::sync::OnceLock;

use rusqlite::{Connection, ffi};

use super::page_sum::{SUM_BYTES, is_whole, seal};
use super::state::{self, State};

const NAME: &CStr = c"flowglass";

/// What a file of ours begins with. SQLite reads its first field.
#[repr(C)]
struct ShimFile {
    methods: *const ffi::sqlite3_io_methods,
    /// A leaked box, from opening to closing.
    state: *mut State,
}

/// SQLite's own layer. It lives as long as the process and may be used by any thread.
struct Base(*mut ffi::sqlite3_vfs);

// SAFETY: SQLite's own layers are static and made to be called by several threads.
unsafe impl Send for Base {}
// SAFETY: as above; nothing is ever written through the pointer.
unsafe impl Sync for Base {}

static BASE: OnceLock<Option<Base>> = OnceLock::new();

/// Returns the name under which SQLite knows the layer, which is made known at the first call.
///
/// # Errors
/// SQLite has no layer for this platform, or no memory.
pub(crate) fn name() -> rusqlite::Result<&'static CStr> {
    match BASE.get_or_init(register) {
        Some(_) => Ok(NAME),
        None => Err(rusqlite::Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_CANTOPEN), None)),
    }
}

fn register() -> Option<Base> {
    // SAFETY: SQLite initialises itself in this call, and the layer that it returns is never freed.
    let base = unsafe { ffi::sqlite3_vfs_find(ptr::null()) };
    // SAFETY: not null, so that it points to a whole structure, which is copied; the copy's other calls only need what it holds.
    let mut ours = unsafe { base.as_ref()? }.to_owned();
    ours.zName = NAME.as_ptr();
    ours.pNext = ptr::null_mut();
    ours.szOsFile += size_of::<ShimFile>() as c_int;
    ours.xOpen = Some(open);
    ours.xDelete = Some(delete);
    // SAFETY: the structure is leaked, as SQLite keeps it for ever.
    let code = unsafe { ffi::sqlite3_vfs_register(Box::leak(Box::new(ours)), 0) };
    (code == ffi::SQLITE_OK).then_some(Base(base))
}

/// Reserves the end of each page of a new file for its checksum.
///
/// # Errors
/// SQLite refuses, because the file has pages.
pub(crate) fn reserve(connection: &Connection) -> rusqlite::Result<()> {
    let mut bytes = SUM_BYTES as c_int;
    // SAFETY: the connection is open, the operation takes a pointer to an int and keeps nothing.
    let code = unsafe {
        ffi::sqlite3_file_control(
            connection.handle(),
            c"main".as_ptr(),
            ffi::SQLITE_FCNTL_RESERVE_BYTES,
            ptr::from_mut(&mut bytes).cast(),
        )
    };
    if code == ffi::SQLITE_OK { Ok(()) } else { Err(rusqlite::Error::SqliteFailure(ffi::Error::new(code), None)) }
}

/// Returns the file of SQLite's own layer.
///
/// # Safety
/// `file` is a file of ours, or the memory for one.
const unsafe fn inner(file: *mut ffi::sqlite3_file) -> *mut ffi::sqlite3_file {
    // SAFETY: SQLite set aside `szOsFile` bytes, of which the first are ours.
    unsafe { file.cast::<ShimFile>().add(1).cast() }
}

/// # Safety
/// `file` is an open file of ours, of which nobody else uses the state: SQLite calls for one file from one thread at a time.
unsafe fn state<'a>(file: *mut ffi::sqlite3_file) -> &'a mut State {
    // SAFETY: set when the file was opened, freed when it is closed.
    unsafe { &mut *(*file.cast::<ShimFile>()).state }
}

/// Passes a call on to SQLite's own layer; a call that it doesn't have fails with the code given first.
macro_rules! pass_on {
    ($file:expr, $method:ident, $missing:expr $(, $argument:expr)*) => {{
        // SAFETY: `$file` is an open file of ours, so that the one behind it is open and its calls are set.
        unsafe {
            let inner = inner($file);
            match (*(*inner).pMethods).$method {
                Some(method) => method(inner $(, $argument)*),
                None => $missing,
            }
        }
    }};
}

unsafe extern "C" fn open(
    _: *mut ffi::sqlite3_vfs,
    name: ffi::sqlite3_filename,
    file: *mut ffi::sqlite3_file,
    flags: c_int,
    out_flags: *mut c_int,
) -> c_int {
    let Some(Some(Base(base))) = BASE.get() else { return ffi::SQLITE_CANTOPEN };
    // SAFETY: SQLite gives us memory for our file and the one behind it; `name` is passed on as it came, because SQLite's own
    // layer looks for parameters behind its end. A file without methods is one that SQLite doesn't close.
    unsafe {
        (*file).pMethods = ptr::null();
        let inner = inner(file);
        (*inner).pMethods = ptr::null();
        let Some(open) = (**base).xOpen else { return ffi::SQLITE_CANTOPEN };
        let code = open(*base, name, inner, flags, out_flags);
        let Some(methods) = (*inner).pMethods.as_ref() else { return code };
        if code != ffi::SQLITE_OK {
            if let Some(close) = methods.xClose {
                close(inner);
            }
            return code;
        }
        let shim = file.cast::<ShimFile>();
        (*shim).state = Box::into_raw(Box::new(new_state(name, flags)));
        (*shim).methods = if methods.iVersion >= 2 && methods.xShmMap.is_some() { &WITH_SHARED_MEMORY } else { &PLAIN };
        code
    }
}

fn new_state(name: ffi::sqlite3_filename, flags: c_int) -> State {
    // SAFETY: SQLite's names end with a zero; a temporary file has none.
    let path = (!name.is_null()).then(|| unsafe { CStr::from_ptr(name) }.to_string_lossy().into_owned());
    State::new(path.as_deref().map(Path::new), flags & ffi::SQLITE_OPEN_MAIN_DB != 0)
}

unsafe extern "C" fn delete(_: *mut ffi::sqlite3_vfs, name: *const c_char, sync_folder: c_int) -> c_int {
    let Some(Some(Base(base))) = BASE.get() else { return ffi::SQLITE_IOERR_DELETE };
    // SAFETY: the layer below lives for ever, and takes the name as it came, which ends with a zero.
    let (code, path) = unsafe {
        let Some(delete) = (**base).xDelete else { return ffi::SQLITE_IOERR_DELETE };
        (delete(*base, name, sync_folder), CStr::from_ptr(name).to_string_lossy())
    };
    if code == ffi::SQLITE_OK {
        state::note_delete(Path::new(&*path), sync_folder != 0);
    }
    code
}

unsafe extern "C" fn close(file: *mut ffi::sqlite3_file) -> c_int {
    let code = pass_on!(file, xClose, ffi::SQLITE_OK);
    // SAFETY: SQLite closes a file once, and then doesn't use it any more.
    unsafe { drop(Box::from_raw((*file.cast::<ShimFile>()).state)) };
    code
}

unsafe extern "C" fn read(file: *mut ffi::sqlite3_file, buffer: *mut c_void, count: c_int, offset: i64) -> c_int {
    let code = pass_on!(file, xRead, ffi::SQLITE_IOERR_READ, buffer, count, offset);
    let (Ok(len), Ok(offset)) = (usize::try_from(count), u64::try_from(offset)) else { return code };
    if code != ffi::SQLITE_OK {
        return code;
    }
    // SAFETY: the file is open; the call above has filled as many bytes of the buffer.
    let (state, bytes) = unsafe { (state(file), slice::from_raw_parts(buffer.cast::<u8>(), len)) };
    state.learn(bytes, offset);
    if state.is_page(len, offset) && !is_whole(bytes, offset) { ffi::SQLITE_IOERR_DATA } else { code }
}

unsafe extern "C" fn write(file: *mut ffi::sqlite3_file, buffer: *const c_void, count: c_int, offset: i64) -> c_int {
    // SAFETY: the file is open.
    let state = unsafe { state(file) };
    if let Some(code) = state.fault(ffi::SQLITE_IOERR_WRITE) {
        return code;
    }
    let (Ok(len), Ok(at)) = (usize::try_from(count), u64::try_from(offset)) else { return ffi::SQLITE_IOERR_WRITE };
    // SAFETY: SQLite hands over as many bytes.
    let mut bytes = unsafe { slice::from_raw_parts(buffer.cast::<u8>(), len) };
    state.learn(bytes, at);
    if state.is_page(len, at) {
        state.sealed.clear();
        state.sealed.extend_from_slice(bytes);
        seal(&mut state.sealed, at);
        bytes = &state.sealed;
    }
    let code = pass_on!(file, xWrite, ffi::SQLITE_IOERR_WRITE, bytes.as_ptr().cast(), count, offset);
    if code == ffi::SQLITE_OK {
        state.note_write(at, bytes);
    }
    code
}

unsafe extern "C" fn truncate(file: *mut ffi::sqlite3_file, size: i64) -> c_int {
    // SAFETY: the file is open.
    let state = unsafe { state(file) };
    if let Some(code) = state.fault(ffi::SQLITE_IOERR_TRUNCATE) {
        return code;
    }
    let code = pass_on!(file, xTruncate, ffi::SQLITE_IOERR_TRUNCATE, size);
    if code == ffi::SQLITE_OK {
        state.note_truncate(size);
    }
    code
}

unsafe extern "C" fn sync(file: *mut ffi::sqlite3_file, flags: c_int) -> c_int {
    // SAFETY: the file is open.
    let state = unsafe { state(file) };
    if let Some(code) = state.fault(ffi::SQLITE_IOERR_FSYNC) {
        return code;
    }
    let code = pass_on!(file, xSync, ffi::SQLITE_IOERR_FSYNC, flags);
    if code == ffi::SQLITE_OK {
        state.note_flush();
    }
    code
}

unsafe extern "C" fn file_size(file: *mut ffi::sqlite3_file, size: *mut i64) -> c_int {
    pass_on!(file, xFileSize, ffi::SQLITE_IOERR_FSTAT, size)
}

unsafe extern "C" fn lock(file: *mut ffi::sqlite3_file, level: c_int) -> c_int {
    pass_on!(file, xLock, ffi::SQLITE_IOERR_LOCK, level)
}

unsafe extern "C" fn unlock(file: *mut ffi::sqlite3_file, level: c_int) -> c_int {
    pass_on!(file, xUnlock, ffi::SQLITE_IOERR_UNLOCK, level)
}

unsafe extern "C" fn check_reserved_lock(file: *mut ffi::sqlite3_file, out: *mut c_int) -> c_int {
    pass_on!(file, xCheckReservedLock, ffi::SQLITE_IOERR_CHECKRESERVEDLOCK, out)
}

unsafe extern "C" fn file_control(file: *mut ffi::sqlite3_file, operation: c_int, argument: *mut c_void) -> c_int {
    pass_on!(file, xFileControl, ffi::SQLITE_NOTFOUND, operation, argument)
}

unsafe extern "C" fn sector_size(file: *mut ffi::sqlite3_file) -> c_int {
    pass_on!(file, xSectorSize, 4096)
}

unsafe extern "C" fn device_characteristics(file: *mut ffi::sqlite3_file) -> c_int {
    pass_on!(file, xDeviceCharacteristics, 0)
}

unsafe extern "C" fn shared_map(
    file: *mut ffi::sqlite3_file,
    region: c_int,
    size: c_int,
    extend: c_int,
    out: *mut *mut c_void,
) -> c_int {
    pass_on!(file, xShmMap, ffi::SQLITE_IOERR_SHMMAP, region, size, extend, out)
}

unsafe extern "C" fn shared_lock(file: *mut ffi::sqlite3_file, offset: c_int, count: c_int, flags: c_int) -> c_int {
    pass_on!(file, xShmLock, ffi::SQLITE_IOERR_SHMLOCK, offset, count, flags)
}

unsafe extern "C" fn shared_barrier(file: *mut ffi::sqlite3_file) {
    pass_on!(file, xShmBarrier, ());
}

unsafe extern "C" fn shared_unmap(file: *mut ffi::sqlite3_file, delete: c_int) -> c_int {
    pass_on!(file, xShmUnmap, ffi::SQLITE_OK, delete)
}

/// The calls of a file. Pages are never mapped into memory, where they couldn't be checked.
static PLAIN: ffi::sqlite3_io_methods = ffi::sqlite3_io_methods {
    iVersion: 1,
    xClose: Some(close),
    xRead: Some(read),
    xWrite: Some(write),
    xTruncate: Some(truncate),
    xSync: Some(sync),
    xFileSize: Some(file_size),
    xLock: Some(lock),
    xUnlock: Some(unlock),
    xCheckReservedLock: Some(check_reserved_lock),
    xFileControl: Some(file_control),
    xSectorSize: Some(sector_size),
    xDeviceCharacteristics: Some(device_characteristics),
    xShmMap: None,
    xShmLock: None,
    xShmBarrier: None,
    xShmUnmap: None,
    xFetch: None,
    xUnfetch: None,
};

/// The same for a file that a log can be kept for.
static WITH_SHARED_MEMORY: ffi::sqlite3_io_methods = ffi::sqlite3_io_methods {
    iVersion: 2,
    xShmMap: Some(shared_map),
    xShmLock: Some(shared_lock),
    xShmBarrier: Some(shared_barrier),
    xShmUnmap: Some(shared_unmap),
    ..PLAIN
};
