//! `tacho keygen` and `tacho attest`: keys, and who stands for a study.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use tachograph_attest::envelope::Envelope;
use tachograph_attest::keys::SecretKey;
use tachograph_store::Companion;

use crate::args::{AttestArgs, KeygenArgs};
use crate::attestation;
use crate::commands::verify;
use crate::derivation::open_failure;
use crate::failure::{Exit, Failure};
use crate::terminal::{note, out};

/// Makes a key.
pub(crate) fn keygen(args: &KeygenArgs) -> Result<Exit, Failure> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(|error| {
        Failure::new(Exit::Failed, format!("the system gives no randomness: {error}"))
    })?;
    let key = SecretKey::from_seed(seed);
    let mut public: PathBuf = args.output.clone();
    public.as_mut_os_string().push(".pub");
    write_new(&args.output, 0o600, key.to_pem().as_bytes())?;
    write_new(&public, 0o644, key.public().to_pem().as_bytes())?;
    out(format!("{}: keep it to yourself", args.output.display()));
    out(format!("{}: give it to whoever is to check what you sign", public.display()));
    out(format!("key id {}", key.public().id()));
    Ok(Exit::Done)
}

/// Writes a file that must not be there yet.
fn write_new(path: &Path, mode: u32, bytes: &[u8]) -> Result<(), Failure> {
    let file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path);
    file.and_then(|mut file| file.write_all(bytes)).map_err(|error| {
        let failure =
            Failure::new(Exit::Failed, format!("could not write {}: {error}", path.display()));
        if path.exists() {
            failure.help("a key is never overwritten; name another file with -o")
        } else {
            failure
        }
    })
}

/// Signs a study.
pub(crate) fn execute(args: &AttestArgs) -> Result<Exit, Failure> {
    let key = SecretKey::from_pem(&attestation::read(&args.key)?)
        .map_err(|error| attestation::wrong_key(&args.key, &error))?;
    let study = match verify::sound(&args.study)? {
        Ok(study) => study,
        Err(exit) => {
            note("not signed: what does not verify is nothing to stand for");
            return Ok(exit);
        }
    };
    let statement = attestation::statement(&study)?;
    let envelope = Envelope::sign(&statement, &key);
    study
        .write_companion(Companion::Attestation, envelope.to_json().as_bytes())
        .map_err(|error| open_failure(&error, &args.study))?;
    out(format!(
        "{}: {} runs, {} reports, Merkle root {}, signed by {}",
        args.study.join(Companion::Attestation.file_name()).display(),
        statement.predicate.n_runs,
        statement.predicate.reports.len(),
        statement.predicate.study.merkle_root,
        key.public().id()
    ));
    Ok(Exit::Done)
}
