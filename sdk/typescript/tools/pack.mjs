// What npm would publish: a module and its types for each source, and nothing else that happens to lie here.
import { execFileSync } from "node:child_process";
import { readdirSync } from "node:fs";

const sources = readdirSync("src", { recursive: true }).filter((name) => name.endsWith(".ts")).map((name) => name.slice(0, -".ts".length));
const want = ["LICENSE", "README.md", "package.json", ...sources.flatMap((name) => [`dist/${name}.js`, `dist/${name}.d.ts`])].sort();
const [pack] = JSON.parse(execFileSync("npm", ["pack", "--dry-run", "--json"], { encoding: "utf8" }));
const got = pack.files.map((file) => file.path).sort();

for (const name of want) if (!got.includes(name)) console.error(`${name} is missing in the package`);
for (const name of got) if (!want.includes(name)) console.error(`${name} is in the package and belongs to no source: take it out of "files"`);
if (want.join() !== got.join()) process.exitCode = 1;
else console.log(`${pack.filename}: ${got.length} files, ${pack.size} bytes`);
