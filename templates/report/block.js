// The page's script is block.js, overview.js, cards.js, lists.js and report.js, one after the other, in one strict block.
// All of it writes text as text nodes alone; nothing here ever parses markup.
"use strict";
{
// ---- block.js: the compressed answers of a large run, unpacked when they are first wanted ----

const CHUNK = 1 << 18; // characters of base64 at a time, a multiple of four

/** Lets the browser draw and listen before work goes on. */
const pause = () => new Promise((go) => setTimeout(go, 0));

/** Whether this page has a block and this browser can unpack it. */
function canUnpack() {
  return Boolean(document.getElementById("answers-block")) && typeof DecompressionStream === "function";
}

/** The block's bytes, decoded a chunk at a time. */
function blockBytes(coded) {
  let at = 0;
  return new ReadableStream({
    pull(out) {
      if (at >= coded.length) {
        out.close();
        return;
      }
      const text = atob(coded.slice(at, at + CHUNK));
      at += CHUNK;
      const bytes = new Uint8Array(text.length);
      for (let i = 0; i < text.length; i += 1) bytes[i] = text.charCodeAt(i);
      out.enqueue(bytes);
    },
  });
}

/** The index and, for every probe, the line of JSON that holds its answers; the block leaves the document. */
async function unpack() {
  const holder = document.getElementById("answers-block");
  const stream = blockBytes(holder.content.textContent.trim())
    .pipeThrough(new DecompressionStream("deflate"))
    .pipeThrough(new TextDecoderStream());
  const reader = stream.getReader();
  const lines = [];
  let rest = "";
  let since = performance.now();
  for (;;) {
    const { value, done } = await reader.read();
    if (done) break;
    const parts = (rest + value).split("\n");
    rest = parts.pop();
    for (const part of parts) lines.push(part);
    if (performance.now() - since > 12) {
      await pause();
      since = performance.now();
    }
  }
  const index = JSON.parse(lines.shift());
  if (index.probes.length !== lines.length) throw new Error("the block is incomplete");
  holder.remove();
  return { index, lines };
}
