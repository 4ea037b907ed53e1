// Send an image to the server, and write what it answers. Needs Node 18 or later, and no package.
//
// node segment.mjs http://127.0.0.1:8080/invocations cells.png mask.png
// node segment.mjs "http://127.0.0.1:8080/invocations?output=labels&minimum=20" cells.png labels.png

import { readFile, writeFile } from "node:fs/promises";

// image: a Blob, Buffer or Uint8Array; gives an ArrayBuffer. Works in browsers as it is.
async function segment(url, image) {
  // the server looks at the first bytes to tell which kind of file this is
  const headers = { "Content-Type": "application/octet-stream" };
  const answer = await fetch(url, { method: "POST", headers, body: image });
  if (!answer.ok) throw new Error((await answer.json()).message);
  const warning = answer.headers.get("Warning");
  if (warning) console.warn(warning);
  return answer.arrayBuffer();
}

const [url, image, answer] = process.argv.slice(2);
if (!answer) {
  console.error("usage: node segment.mjs URL IMAGE ANSWER");
  process.exit(1);
}
try {
  await writeFile(answer, new Uint8Array(await segment(url, await readFile(image))));
} catch (error) {
  console.error(error.cause?.message || error.message);
  process.exit(1);
}
