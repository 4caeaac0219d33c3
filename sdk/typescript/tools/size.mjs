// What the package costs a page: each entry bundled and minified by esbuild, then gzip -9. The core has a budget.
import { build } from "esbuild";
import { gzipSync } from "node:zlib";

const budget = 12_288; // bytes, of the core
const entries = [["the core", "src/index.ts", budget], ["end-to-end encryption", "src/e2ee/index.ts", Infinity]];

for (const [name, entry, most] of entries) {
  const { outputFiles } = await build({ entryPoints: [entry], bundle: true, minify: true, format: "esm", target: "es2022", write: false });
  const size = gzipSync(outputFiles[0].contents, { level: 9 }).length;
  console.log(`${name}: ${size} bytes gzipped, of ${outputFiles[0].contents.length}` + (most === Infinity ? "" : `; ${most} is the budget`));
  if (size > most) {
    console.error(`${name} has ${size - most} bytes more than its budget of ${most}: take something out`);
    process.exitCode = 1;
  }
}
