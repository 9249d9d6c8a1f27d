//! Quotes in a URL as they are: the venue takes them (`curl -g '…?symbols=["BTCUSDT"]'`), hyper
//! does not. They are encoded on their way in, in the first request of a connection: who sends
//! them so opens a connection for each.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A byte stream in whose first line `"` is `%22`.
#[derive(Debug)]
pub struct FirstLine<I> {
    inner: I,
    is_past: bool,
    /// Read and not handed on yet, from `taken` on.
    waiting: Vec<u8>,
    taken: usize,
}

impl<I> FirstLine<I> {
    /// A stream from its beginning.
    pub const fn new(inner: I) -> Self {
        Self { inner, is_past: false, waiting: Vec::new(), taken: 0 }
    }

    fn encode(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            if byte == b'"' && !self.is_past {
                self.waiting.extend_from_slice(b"%22");
            } else {
                self.waiting.push(byte);
            }
            self.is_past |= byte == b'\n';
        }
    }

    fn hand_on(&mut self, buffer: &mut ReadBuf<'_>) {
        let count = buffer.remaining().min(self.waiting.len() - self.taken);
        buffer.put_slice(&self.waiting[self.taken..self.taken + count]);
        self.taken += count;
        if self.taken == self.waiting.len() {
            self.waiting = Vec::new();
            self.taken = 0;
        }
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for FirstLine<I> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.waiting.is_empty() {
            if this.is_past {
                return Pin::new(&mut this.inner).poll_read(context, buffer);
            }
            let mut bytes = [0; 4_096];
            let mut read = ReadBuf::new(&mut bytes);
            ready!(Pin::new(&mut this.inner).poll_read(context, &mut read))?;
            this.encode(read.filled());
        }
        this.hand_on(buffer);
        Poll::Ready(Ok(()))
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for FirstLine<I> {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().inner).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().inner).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt;

    use super::*;

    #[tokio::test]
    async fn only_the_first_line_changes_however_it_comes() {
        let sent = b"GET /x?s=[\"A\"] HTTP/1.1\r\nX: \"y\"\r\n\r\n";
        for chunk in [1, 3, 7, 4_096] {
            let (mut ours, theirs) = tokio::io::duplex(chunk);
            let writing = tokio::spawn(async move {
                use tokio::io::AsyncWriteExt;
                ours.write_all(sent).await.unwrap();
            });
            let mut read = Vec::new();
            FirstLine::new(theirs).read_to_end(&mut read).await.unwrap();
            writing.await.unwrap();
            let expected = "GET /x?s=[%22A%22] HTTP/1.1\r\nX: \"y\"\r\n\r\n";
            assert_eq!(String::from_utf8(read).unwrap(), expected, "in chunks of {chunk}");
        }
    }
}
