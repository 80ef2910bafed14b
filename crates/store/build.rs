//! Names this set of migrations by its content, and rebuilds when one changes.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;

fn main() -> std::io::Result<()> {
    let here = std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default();
    let root = Path::new(&here).join("../../migrations");
    let mut files = Vec::new();
    for folder in std::fs::read_dir(&root)? {
        for file in std::fs::read_dir(folder?.path())? {
            files.push(file?.path());
        }
    }
    files.sort();
    let mut hasher = DefaultHasher::new();
    for file in files {
        file.file_name().hash(&mut hasher);
        std::fs::read(&file)?.hash(&mut hasher);
    }
    println!("cargo::rerun-if-changed={}", root.display());
    println!("cargo::rustc-env=MIGRATIONS_KEY={:016x}", hasher.finish());
    Ok(())
}
