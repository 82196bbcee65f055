//! Records the commit that the program is built from.

use std::path::Path;
use std::process::Command;

fn main() {
    let git = |arguments: &[&str]| {
        let output = Command::new("git").args(arguments).output().ok()?;
        let text = String::from_utf8(output.stdout).ok()?;
        output.status.success().then(|| text.trim().to_owned())
    };
    for path in [".git/HEAD", ".git/index"] {
        let path = Path::new("../..").join(path);
        if path.exists() {
            emit(&format!("rerun-if-changed={}", path.display()));
        }
    }
    emit("rerun-if-changed=build.rs");
    emit("rerun-if-changed=../../samples");
    if let Some(commit) = git(&["rev-parse", "HEAD"]) {
        let changed = git(&["status", "--porcelain", "--untracked-files=no"]);
        let dirty = if changed.is_none_or(|list| list.is_empty()) { "" } else { "+dirty" };
        emit(&format!("rustc-env=TACHO_GIT_COMMIT={commit}{dirty}"));
    }
}

fn emit(instruction: &str) {
    println!("cargo::{instruction}");
}
