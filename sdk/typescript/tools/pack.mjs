// What npm would publish: a module and its types for each source, and nothing else that happens to lie here; entries that can be loaded; no dependency.
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";

const wrong = [];
const about = JSON.parse(readFileSync("package.json", "utf8"));
for (const kind of ["dependencies", "peerDependencies", "optionalDependencies", "bundleDependencies"]) {
  if (about[kind]) wrong.push(`package.json has ${kind}: whoever installs the package gets nothing with it, take them out`);
}

const sources = readdirSync("src", { recursive: true }).filter((name) => name.endsWith(".ts")).map((name) => name.slice(0, -".ts".length));
const want = ["LICENSE", "README.md", "package.json", ...sources.flatMap((name) => [`dist/${name}.js`, `dist/${name}.d.ts`])];
const [pack] = JSON.parse(execFileSync("npm", ["pack", "--dry-run", "--json"], { encoding: "utf8" }));
const got = pack.files.map((file) => file.path);
for (const name of want) if (!got.includes(name)) wrong.push(`${name} is missing in the package`);
for (const name of got) if (!want.includes(name)) wrong.push(`${name} is in the package and belongs to no source: take it out of "files"`);

// A package may import itself by its name, as others do: prepack has built what is loaded here.
for (const [entry, { types, default: module }] of Object.entries(about.exports)) {
  for (const path of [types, module]) if (!got.includes(path?.replace("./", ""))) wrong.push(`exports of ${entry} lead to ${path}, which is not in the package`);
  const name = about.name + entry.slice(1);
  await import(name).catch((error) => wrong.push(`${name} cannot be loaded: ${error.message}`));
}

for (const one of wrong) console.error(one);
if (wrong.length > 0) process.exitCode = 1;
else console.log(`${pack.filename}: ${got.length} files, ${pack.size} bytes`);
