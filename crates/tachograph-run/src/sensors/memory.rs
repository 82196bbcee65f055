//! What memory a process and its descendants hold.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use super::{Sensors, parse};

/// Memory of some processes, in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Footprint {
    /// Their own: given back when they end, and needed once more for each copy.
    pub private_bytes: u64,
    /// Pages of files, such as the weights of a model, which copies share.
    pub file_bytes: u64,
}

impl Sensors {
    /// Returns what the process `pid` and all that descend from it hold in memory.
    /// `None` if that cannot be read, as on other systems than Linux.
    pub fn footprint(&self, pid: u32) -> Option<Footprint> {
        let parents = self.parents()?;
        if !parents.contains_key(&pid) {
            return None;
        }
        let mut sum = Footprint::default();
        for of in parents.keys().filter(|process| descends(&parents, **process, pid)) {
            // One that has ended since holds nothing.
            let Some(one) = self.footprint_of_one(*of) else { continue };
            sum.private_bytes += one.private_bytes;
            sum.file_bytes += one.file_bytes;
        }
        (sum != Footprint::default()).then_some(sum)
    }

    /// Returns the parent of every process.
    fn parents(&self) -> Option<BTreeMap<u32, u32>> {
        let processes = fs::read_dir(self.root.join("proc")).ok()?;
        let pids = processes.flatten().filter_map(|it| it.file_name().to_str()?.parse().ok());
        let parent = |pid: u32| {
            let stat = self.text(&format!("proc/{pid}/stat"))?;
            Some((pid, parse::parent(&stat)?))
        };
        Some(pids.filter_map(parent).collect())
    }

    fn footprint_of_one(&self, pid: u32) -> Option<Footprint> {
        let folder = Path::new("proc").join(pid.to_string());
        let figure = |text: &str, key: &str| parse::meminfo(text, key);
        // The share of each process in what several hold; else all of it.
        let shares = self.text(&folder.join("smaps_rollup").to_string_lossy());
        if let Some(text) = shares
            && let Some(whole) = figure(&text, "Pss")
        {
            let file_bytes = figure(&text, "Pss_File")?;
            return Some(Footprint { private_bytes: whole.saturating_sub(file_bytes), file_bytes });
        }
        let status = self.text(&folder.join("status").to_string_lossy())?;
        let file_bytes = figure(&status, "RssFile")?;
        let private_bytes = figure(&status, "RssAnon")? + figure(&status, "RssShmem")?;
        Some(Footprint { private_bytes, file_bytes })
    }
}

/// Returns whether `process` is `root` or descends from it.
fn descends(parents: &BTreeMap<u32, u32>, process: u32, root: u32) -> bool {
    // A reused number could close a circle; no descent is longer than all processes.
    let ancestors = std::iter::successors(Some(process), |at| parents.get(at).copied());
    ancestors.take(parents.len() + 1).any(|ancestor| ancestor == root)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_counts_with_all_that_descend_from_it() {
        let root = tempfile::tempdir().unwrap();
        let process = |pid: u32, name: &str, parent: u32, files: &[(&str, &str)]| {
            let folder = root.path().join(format!("proc/{pid}"));
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join("stat"), format!("{pid} ({name}) S {parent} 1 1 0")).unwrap();
            for (file, text) in files {
                fs::write(folder.join(file), text).unwrap();
            }
        };
        let rollup = "00400000-7ffe ---p 00000000 00:00 0  [rollup]\nRss: 900 kB\nPss: 300 kB\n\
                      Pss_Anon: 100 kB\nPss_File: 190 kB\nPss_Shmem: 10 kB\n";
        let status = "Name:\tx\nVmRSS:\t 70 kB\nRssAnon:\t 40 kB\nRssFile:\t 20 kB\n\
                      RssShmem:\t 10 kB\n";
        process(1, "init", 0, &[("smaps_rollup", rollup)]);
        process(10, "tacho", 1, &[("smaps_rollup", rollup)]);
        process(11, "odd) S 7 (name", 10, &[("status", status)]);
        process(12, "zombie", 11, &[]);
        process(13, "deep", 12, &[("smaps_rollup", rollup)]);
        process(14, "other", 1, &[("smaps_rollup", rollup)]);
        let sensors = Sensors::below(root.path());
        let found = sensors.footprint(10).unwrap();
        assert_eq!(found.private_bytes, (110 + 50 + 110) << 10);
        assert_eq!(found.file_bytes, (190 + 20 + 190) << 10);
        assert_eq!(sensors.footprint(12), sensors.footprint(13));
        assert_eq!(sensors.footprint(99), None, "there is no such process");
        assert_eq!(Sensors::below(&root.path().join("none")).footprint(10), None);
    }
}
