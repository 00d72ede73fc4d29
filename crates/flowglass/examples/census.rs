//! The census of the repository's own sources as a Rust program: plain functions, a map, a nested pipeline, a disk cache.
//!
//! ```sh
//! cargo run --release -p flowglass --example census
//! cargo run --release -p flowglass --example census -- path/to/other/sources
//! ```
//!
//! Run it twice: the second run comes from the cache. Its runs are kept beside those of the command (`flowglass list`).

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use flowglass::prelude::*;
use serde::{Deserialize, Serialize};

/// A file as it is now: the text is part of the value, and so of every cache key that is made from it.
#[derive(Clone, Serialize, Deserialize)]
struct Source {
    path: String,
    text: String,
}

/// What is worth knowing of a file.
#[derive(Clone, Serialize, Deserialize)]
struct Portrait {
    path: String,
    code: usize,
    docs: usize,
    longest: usize,
}

/// Lists and reads every Rust source below a folder. Never cached: the folder is the question, its content the answer.
#[node(output = "sources", cache = false)]
fn read(folder: &str) -> Result<Vec<Source>, std::io::Error> {
    let mut sources = Vec::new();
    let mut folders = vec![PathBuf::from(folder)];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next)? {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if path.is_dir() && name != "target" && !name.starts_with('.') {
                folders.push(path);
            } else if name.ends_with(".rs") {
                sources.push(Source { path: shown(&path, folder), text: fs::read_to_string(&path)? });
            }
        }
    }
    sources.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(sources)
}

fn shown(path: &Path, folder: &str) -> String {
    path.strip_prefix(folder).unwrap_or(path).display().to_string()
}

/// Counts the lines of code and of documentation.
#[node(outputs("code", "docs"))]
fn count(source: &Source) -> (usize, usize) {
    let lines = || source.text.lines().map(str::trim_start);
    let docs = lines().filter(|line| line.starts_with("///") || line.starts_with("//!")).count();
    let code = lines().filter(|line| !line.is_empty() && !line.starts_with("//")).count();
    (code, docs)
}

/// Measures the longest function: from its `fn` to the first closing brace with the same indent.
#[node(output = "longest", uses(begins_function))]
fn measure(source: &Source) -> usize {
    let lines: Vec<&str> = source.text.lines().collect();
    let length = |(start, line): (usize, &&str)| {
        let indent = &line[..line.len() - line.trim_start().len()];
        let is_end = |line: &&str| line.strip_prefix(indent) == Some("}");
        begins_function(line).then(|| lines[start..].iter().position(is_end).map_or(1, |end| end + 1))
    };
    lines.iter().enumerate().filter_map(length).max().unwrap_or(0)
}

/// Says whether a function with a body over several lines begins here. A change of this must make `measure` a miss, too.
#[code]
fn begins_function(line: &str) -> bool {
    let is_qualifier = |word: &&str| word.starts_with("pub") || ["const", "async", "unsafe"].contains(word);
    line.ends_with(['{', '(', '>']) && line.split_whitespace().find(|word| !is_qualifier(word)) == Some("fn")
}

#[node(output = "portrait")]
fn portray(source: &Source, code: usize, docs: usize, longest: usize) -> Portrait {
    Portrait { path: source.path.clone(), code, docs, longest }
}

/// Puts the files with the most code first.
#[node(output = "report")]
fn report(portraits: &[Portrait]) -> String {
    let mut by_code: Vec<&Portrait> = portraits.iter().collect();
    by_code.sort_by_key(|portrait| std::cmp::Reverse(portrait.code));
    let row = |p: &&Portrait| format!("{:>5} {:>5} {:>8}  {}\n", p.code, p.docs, p.longest, p.path);
    let rows: String = by_code.iter().take(10).map(row).collect();
    let (code, docs): (usize, usize) = portraits.iter().fold((0, 0), |sum, p| (sum.0 + p.code, sum.1 + p.docs));
    format!(" CODE  DOCS  LONGEST  FILE\n{rows}{code} lines of code and {docs} of documentation in {} files\n", portraits.len())
}

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args().nth(1).unwrap_or_else(|| concat!(env!("CARGO_MANIFEST_DIR"), "/..").into());
    println!("{}", census(&folder, Path::new(".flowglass"))?);
    Ok(())
}

/// Takes the census of the sources below a folder. Runs and results are kept in another one.
fn census(folder: &str, kept: &Path) -> Result<String, Box<dyn Error>> {
    // A pipeline for one file, and a pipeline that has it as a node and runs it once for each.
    let one = Pipeline::builder("portraits").nodes(nodes![count, measure, portray]).build()?;
    let each = one.as_node().map_over("source", "sources").output("portrait", "portraits");
    let census = Pipeline::builder("census-rs").version("1").node(read {}).node(each).node(report {}).build()?;

    let recorder = telemetry::sqlite(kept.join("flowglass.db"))?;
    let run = census.run(inputs! { folder: folder }).cache(DiskCache::open(kept.join("cache"))?).telemetry(recorder.clone());
    let run = run.wait()?;
    recorder.flush(Duration::from_secs(10))?;

    Ok(format!("{}\n{}\n{}", run.waterfall(), run.summary(), run.get::<String>("report")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_census_reports_and_comes_from_the_cache_the_second_time() {
        let home = tempfile::tempdir().unwrap();
        let (sources, kept) = (home.path().join("sources"), home.path().join(".flowglass"));
        fs::create_dir_all(sources.join("inner")).unwrap();
        fs::write(sources.join("a.rs"), "/// Says so.\nfn a() {\n    b();\n}\n").unwrap();
        fs::write(sources.join("inner/b.rs"), "pub(crate) fn b() {}\n").unwrap();
        let first = census(sources.to_str().unwrap(), &kept).unwrap();
        assert!(first.contains("    3     1        3  a.rs\n    1     0        0  inner/b.rs\n"), "{first}");
        assert!(first.contains("portraits ×2") && !first.contains('⚡'), "{first}");
        // Everything but the reading, which is never cached: two items of three nodes, and the report.
        let again = census(sources.to_str().unwrap(), &kept).unwrap();
        assert!(again.contains("7 of 8 nodes came from the cache"), "{again}");
    }
}
