//! Counts what a stream has accepted, and can stop it from accepting more.
//!
//! This is how "not sent" is known rather than guessed: the gate is shut and the count read in one
//! step, so no byte can leave after the count was taken.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

#[derive(Debug, Default)]
struct GateState {
    written_bytes: u64,
    shut: bool,
}

/// The handle on a [`Gated`] stream's write side.
#[derive(Debug, Clone, Default)]
pub(crate) struct WriteGate(Arc<Mutex<GateState>>);

impl WriteGate {
    fn lock(&self) -> MutexGuard<'_, GateState> {
        self.0.lock().expect("a write gate's lock is never held across a panic")
    }

    /// Bytes the stream has accepted so far.
    pub(crate) fn written_bytes(&self) -> u64 {
        self.lock().written_bytes
    }

    /// The same, or `None` once it accepts no more.
    pub(crate) fn written_if_open(&self) -> Option<u64> {
        let state = self.lock();
        (!state.shut).then_some(state.written_bytes)
    }

    /// Refuses every further write and says how many bytes were accepted in all.
    pub(crate) fn shut(&self) -> u64 {
        let mut state = self.lock();
        state.shut = true;
        state.written_bytes
    }
}

/// A stream whose writes pass a [`WriteGate`]. A write that fails shuts the gate.
pub(crate) struct Gated<S> {
    stream: S,
    gate: WriteGate,
}

impl<S> Gated<S> {
    pub(crate) fn new(stream: S) -> (Self, WriteGate) {
        let gate = WriteGate::default();
        (Self { stream, gate: gate.clone() }, gate)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Gated<S> {
    fn poll_gated(
        &mut self,
        write: impl FnOnce(Pin<&mut S>) -> Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        // Held over the write: the count and the socket must not disagree for a moment.
        let mut state = self.gate.lock();
        if state.shut {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let written = write(Pin::new(&mut self.stream));
        match &written {
            Poll::Ready(Ok(bytes)) => state.written_bytes += *bytes as u64,
            Poll::Ready(Err(_)) => state.shut = true,
            Poll::Pending => {}
        }
        written
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Gated<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Gated<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_gated(|stream| stream.poll_write(cx, buf))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.poll_gated(|stream| stream.poll_write_vectored(cx, bufs))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    #[tokio::test]
    async fn counts_what_was_accepted_and_accepts_nothing_once_shut() {
        let (near, mut far) = duplex(4);
        let (mut stream, gate) = Gated::new(near);
        assert_eq!(stream.write(b"abcdefgh").await.unwrap(), 4, "the pipe holds four bytes");
        assert_eq!(gate.written_bytes(), 4);
        assert_eq!(gate.shut(), 4);
        assert_eq!(stream.write(b"x").await.unwrap_err().kind(), io::ErrorKind::BrokenPipe);
        assert_eq!(gate.written_bytes(), 4);
        drop(stream);
        let mut received = Vec::new();
        far.read_to_end(&mut received).await.unwrap();
        assert_eq!(received, b"abcd");
    }

    #[tokio::test]
    async fn reads_go_on_after_the_write_side_was_shut() {
        let (near, mut far) = duplex(16);
        let (mut stream, gate) = Gated::new(near);
        gate.shut();
        far.write_all(b"late").await.unwrap();
        let mut answer = [0; 4];
        stream.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"late");
    }

    #[tokio::test]
    async fn a_failed_write_shuts_the_gate() {
        let (near, far) = duplex(16);
        let (mut stream, gate) = Gated::new(near);
        drop(far);
        assert!(stream.write(b"x").await.is_err());
        assert_eq!(gate.shut(), 0);
    }
}
