//! One server instance: a model that is loaded or not, and who waits for it.
//!
//! Owns: the life of the runner (load, reload, keep-alive, unload), the queue
//! for its slots, and the passage of a job from arrival to final record.
//!
//! Does not: parse requests or write formats.

use std::borrow::Cow;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::sync::{OwnedRwLockReadGuard, OwnedSemaphorePermit, RwLock, Semaphore};

use crate::clock::KeepAlive;
use crate::engine::{Engine, Runner, Start};
use crate::job::{ApiError, DoneReason, Failure, Generated, Job, Spans};
use crate::options::LoadSettings;
use crate::output::Output;
use crate::send_log::{RequestOutcome, RequestRecord, SendLog};
use crate::sys;

/// One listening port's state.
#[derive(Debug)]
pub(crate) struct Instance {
    pub(crate) engine: Engine,
    pub(crate) version: String,
    pub(crate) log: Arc<SendLog>,
    runner: Arc<RwLock<Option<Runner>>>,
    status: Mutex<Status>,
    slots: Mutex<Slots>,
}

#[derive(Debug)]
struct Slots {
    free: Arc<Semaphore>,
    size: usize,
    inside: usize,
}

/// What `/api/ps` tells, kept apart so that asking never waits for a load.
#[derive(Debug, Default)]
struct Status {
    loaded: Option<LoadSettings>,
    process_id: Option<u32>,
    expires_at: Option<SystemTime>,
    /// Requests that use or wait for the runner.
    users: u64,
    /// Changes whenever an earlier expiry must not fire.
    epoch: u64,
}

/// A loaded model as `/api/ps` shows it.
#[derive(Debug, Clone)]
pub(crate) struct Resident {
    /// Context length in tokens; absent if it is not known.
    pub(crate) num_ctx: Option<u64>,
    /// Absent: stays until unloaded.
    pub(crate) expires_at: Option<SystemTime>,
}

/// The use of a loaded runner; while it lives the runner is not replaced.
type RunnerGuard = OwnedRwLockReadGuard<Option<Runner>, Runner>;

/// Counts a request among the users of the runner for as long as it lives.
struct Usage {
    instance: Arc<Instance>,
    keep_alive: KeepAlive,
}

impl Drop for Usage {
    fn drop(&mut self) {
        let epoch = {
            let mut status = self.instance.status();
            status.users = status.users.saturating_sub(1);
            status.epoch += 1;
            status.expires_at = match self.keep_alive {
                KeepAlive::Forever => None,
                KeepAlive::For(duration) => SystemTime::now().checked_add(duration),
            };
            status.epoch
        };
        if let KeepAlive::For(duration) = self.keep_alive {
            self.instance.expire_later(epoch, duration);
        }
    }
}

/// A place in the queue for slots; leaving it frees the place.
struct Place(Arc<Instance>);

impl Drop for Place {
    fn drop(&mut self) {
        let mut slots = self.0.slots();
        slots.inside = slots.inside.saturating_sub(1);
    }
}

impl Instance {
    pub(crate) fn new(engine: Engine, version: String) -> Arc<Self> {
        let size = engine.queue_sizes().num_parallel;
        Arc::new(Self {
            engine,
            version,
            log: Arc::new(SendLog::default()),
            runner: Arc::new(RwLock::new(None)),
            status: Mutex::new(Status::default()),
            slots: Mutex::new(Slots { free: Arc::new(Semaphore::new(size)), size, inside: 0 }),
        })
    }

    /// The loaded model, if one is.
    pub(crate) fn resident(&self) -> Option<Resident> {
        // While it is being replaced the status alone tells.
        if let Ok(runner) = self.runner.try_read()
            && runner.as_ref().is_some_and(|runner| !runner.is_alive())
        {
            return None;
        }
        let status = self.status();
        let num_ctx = Some(status.loaded.as_ref()?.num_ctx);
        Some(Resident { num_ctx, expires_at: status.expires_at })
    }

    /// The process that holds the model, if one does.
    pub(crate) fn runner_process_id(&self) -> Option<u32> {
        self.status().process_id
    }

    /// Requests for text that run or wait.
    pub(crate) fn requests_inside(&self) -> usize {
        self.slots().inside
    }

    /// Forgets records and counters; the model stays as it is.
    pub(crate) fn reset(&self) {
        self.log.clear();
        self.engine.reset();
    }

    /// Takes the model out of memory once nobody uses it.
    pub(crate) async fn unload(&self) {
        let mut runner = self.runner.write().await;
        self.drop_runner(&mut runner);
    }

    /// Answers `job`; the client learns everything through `output`.
    pub(crate) async fn answer(self: Arc<Self>, job: Job, mut output: Output) {
        let client_gone = output.client_gone();
        let mut record =
            RequestRecord::arrived(job.ordinal, Cow::Borrowed(job.route), job.received_ns);
        record.ignored_options.clone_from(&job.options.unknown);
        let result = tokio::select! {
            result = self.run(&job, &mut output, &mut record) => result,
            () = client_gone => Err(Failure::Gone),
        };
        record.outcome = match &result {
            Ok(()) => RequestOutcome::Completed,
            Err(Failure::Gone) => RequestOutcome::Cancelled,
            Err(Failure::Api(_)) => RequestOutcome::Failed,
            Err(Failure::Cut(_)) => RequestOutcome::Fault,
        };
        self.log.finished(record);
        if let Err(failure) = result {
            output.fail(&failure).await;
        }
    }

    async fn run(
        self: &Arc<Self>,
        job: &Job,
        output: &mut Output,
        record: &mut RequestRecord,
    ) -> Result<(), Failure> {
        let keep_alive = job.keep_alive.unwrap_or(self.engine.default_keep_alive());
        if job.prompt.is_empty() && keep_alive == KeepAlive::For(Duration::ZERO) {
            self.unload().await;
            let answer = output.shape().load_answer(DoneReason::Unload);
            return output.whole(answer).await;
        }
        let place = self.enter_queue()?;
        let usage = self.begin_use(keep_alive);
        let (runner, ready_ns) = self.ready_runner(job).await?;
        record.load_ns = ready_ns.saturating_sub(job.received_ns);
        if job.prompt.is_empty() {
            let answer = output.shape().load_answer(DoneReason::Load);
            return output.whole(answer).await;
        }
        let (slot, start_ns) = self.free_slot(ready_ns).await?;
        let start = Start { ready_ns, start_ns };
        let generated = self.engine.generate(&runner, job, start, output).await?;
        let end_ns = generated.deadline_ns.unwrap_or_else(sys::monotonic_ns);
        describe(record, &generated);
        let spans =
            Spans { total_ns: end_ns.saturating_sub(job.received_ns), load_ns: record.load_ns };
        // The slot is free while the client still reads; the model stays until
        // the final record is on its way, so that unloading does not delay it.
        drop(slot);
        output.finish(spans, &generated).await?;
        drop(runner);
        drop(usage);
        drop(place);
        Ok(())
    }

    /// Refuses when as many requests wait as may.
    fn enter_queue(self: &Arc<Self>) -> Result<Place, ApiError> {
        let sizes = self.engine.queue_sizes();
        let mut slots = self.slots();
        if slots.size != sizes.num_parallel {
            // Those inside keep the semaphore they have.
            slots.free = Arc::new(Semaphore::new(sizes.num_parallel));
            slots.size = sizes.num_parallel;
        }
        if slots.inside >= sizes.num_parallel.saturating_add(sizes.max_queue) {
            return Err(ApiError::busy());
        }
        slots.inside += 1;
        Ok(Place(Arc::clone(self)))
    }

    /// Waits for a slot; returns it and the instant from which it is held,
    /// `ready_ns` itself if one was free.
    async fn free_slot(&self, ready_ns: u64) -> Result<(OwnedSemaphorePermit, u64), ApiError> {
        let free = Arc::clone(&self.slots().free);
        if let Ok(slot) = Arc::clone(&free).try_acquire_owned() {
            return Ok((slot, ready_ns));
        }
        let slot = free
            .acquire_owned()
            .await
            .map_err(|_closed| ApiError::internal("the server is shutting down"))?;
        Ok((slot, sys::monotonic_ns().max(ready_ns)))
    }

    fn begin_use(self: &Arc<Self>, keep_alive: KeepAlive) -> Usage {
        let mut status = self.status();
        status.users += 1;
        status.epoch += 1;
        drop(status);
        Usage { instance: Arc::clone(self), keep_alive }
    }

    /// Returns a runner that fits the job and the instant at which it was
    /// ready, loading or reloading it first if need be.
    async fn ready_runner(&self, job: &Job) -> Result<(RunnerGuard, u64), Failure> {
        let wanted = &job.options.load;
        let fits =
            |runner: &Option<Runner>| runner.as_ref().is_some_and(|runner| runner.serves(wanted));
        let guard = Arc::clone(&self.runner).read_owned().await;
        if fits(&guard) {
            let ready_ns = self.engine.confirm_loaded().await;
            return hold(guard, ready_ns);
        }
        drop(guard);
        let mut guard = Arc::clone(&self.runner).write_owned().await;
        let ready_ns = if fits(&guard) {
            self.engine.confirm_loaded().await
        } else {
            self.drop_runner(&mut guard);
            let (runner, ready_ns) = self.engine.load(wanted).await?;
            let mut status = self.status();
            status.loaded = Some(runner.settings().clone());
            status.process_id = runner.process_id();
            drop(status);
            *guard = Some(runner);
            ready_ns
        };
        hold(guard.downgrade(), ready_ns)
    }

    fn drop_runner(&self, runner: &mut Option<Runner>) {
        *runner = None;
        let mut status = self.status();
        status.loaded = None;
        status.process_id = None;
        status.expires_at = None;
    }

    /// Unloads after `duration` unless a request comes before.
    fn expire_later(self: &Arc<Self>, epoch: u64, duration: Duration) {
        // A weak reference: waiting must not keep a stopped server's model.
        let instance = Arc::downgrade(self);
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return;
        };
        runtime.spawn(async move {
            if !duration.is_zero() {
                tokio::time::sleep(duration).await;
            }
            let Some(instance) = instance.upgrade() else {
                return;
            };
            let mut runner = instance.runner.write().await;
            let still_unused = {
                let status = instance.status();
                status.users == 0 && status.epoch == epoch
            };
            if still_unused {
                instance.drop_runner(&mut runner);
            }
        });
    }

    fn status(&self) -> MutexGuard<'_, Status> {
        self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn slots(&self) -> MutexGuard<'_, Slots> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn hold(
    guard: OwnedRwLockReadGuard<Option<Runner>>,
    ready_ns: u64,
) -> Result<(RunnerGuard, u64), Failure> {
    OwnedRwLockReadGuard::try_map(guard, Option::as_ref)
        .map(|guard| (guard, ready_ns))
        .map_err(|_empty| ApiError::internal("the model was unloaded while it was wanted").into())
}

fn describe(record: &mut RequestRecord, generated: &Generated) {
    record.queue_ns = generated.queue_ns;
    record.prompt_ns = generated.prompt_ns;
    record.eval_ns = generated.eval_ns;
    record.prompt_tokens = generated.prompt_tokens;
    record.cached_tokens = generated.cached_tokens;
    record.output_tokens = generated.output_tokens;
}
