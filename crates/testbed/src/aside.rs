//! Cleaning up from `Drop`, which cannot await.

use std::future::Future;

/// Runs `work` to its end on a thread and a runtime of its own, and waits for it. The test's runtime may be gone
/// already, or may be the very thread that is dropping.
pub(crate) fn run<F>(work: F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let thread = std::thread::spawn(move || {
        if let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() {
            runtime.block_on(work);
        }
    });
    // A clean-up that failed leaves something for the next run to sweep; the test's own result matters more.
    let _ = thread.join();
}
