#!/usr/bin/env node
// A `solc` command over npm's compiler, for machines that cannot download the native one.
//
//   node solc.cjs --standard-json [FILE | -] [--base-path DIR] [--include-path DIR]... < input > output
//   node solc.cjs --version
//
// Options may be written `--key value` or `--key=value`. BALLAST_SOLC_PACKAGE names another npm
// package that holds a compiler (default: solc). Only standard JSON is spoken: py-solc-x,
// ape-solidity and slither ask for nothing else. Exits 0 when an answer was printed (compile
// errors are inside it, as with the native compiler) and 1 with one line otherwise.
"use strict";

const fs = require("node:fs");
const path = require("node:path");

const WITH_VALUE = new Set(["base-path", "include-path", "allow-paths"]);
const FLAGS = new Set(["standard-json", "version", "help", "pretty-json"]);
const CHUNK = 64 * 1024;

function fail(message) {
  fs.writeSync(2, `solc wrapper: ${message}\n`);
  process.exit(1);
}

function parseArguments(argv) {
  const options = { "include-path": [], files: [] };
  for (let i = 0; i < argv.length; i++) {
    const argument = argv[i];
    if (!argument.startsWith("--")) {
      options.files.push(argument);
      continue;
    }
    const cut = argument.indexOf("=");
    const key = cut < 0 ? argument.slice(2) : argument.slice(2, cut);
    if (FLAGS.has(key)) {
      options[key] = true;
    } else if (WITH_VALUE.has(key)) {
      const value = cut < 0 ? argv[++i] : argument.slice(cut + 1);
      if (value === undefined) fail(`--${key} needs a value`);
      if (key === "include-path") options[key].push(value);
      else options[key] = value;
    } else {
      fail(`unknown option ${argument}; this wrapper speaks --standard-json and --version`);
    }
  }
  return options;
}

// process.exit() and a single large write both cut the output at the size of a pipe's buffer.
function writeAll(text) {
  const bytes = Buffer.from(text, "utf8");
  for (let at = 0; at < bytes.length; ) {
    try {
      at += fs.writeSync(1, bytes, at, Math.min(CHUNK, bytes.length - at));
    } catch (error) {
      if (error.code !== "EAGAIN") throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2);
    }
  }
}

// Compiled to WebAssembly, solc prints its negative ids (built-in declarations) as unsigned.
function signIds(node) {
  if (Array.isArray(node)) {
    for (let i = 0; i < node.length; i++) node[i] = signIds(node[i]);
  } else if (node !== null && typeof node === "object") {
    for (const key of Object.keys(node)) node[key] = signIds(node[key]);
  } else if (typeof node === "number" && node >= 2 ** 31 && node < 2 ** 32) {
    return node - 2 ** 32;
  }
  return node;
}

function reader(options) {
  const base = options["base-path"] ?? "";
  const roots = [base, ...options["include-path"]];
  return (name) => {
    for (const root of roots) {
      const file = path.isAbsolute(name) ? name : path.resolve(root, name);
      try {
        return { contents: fs.readFileSync(file, "utf8") };
      } catch (error) {
        if (error.code !== "ENOENT" && error.code !== "ENOTDIR") return { error: error.message };
      }
    }
    return { error: `File not found: ${name}. Searched in: ${roots.join(", ") || "."}` };
  };
}

function main() {
  const options = parseArguments(process.argv.slice(2));
  if (options.help) {
    writeAll("usage: solc --standard-json [FILE] [--base-path DIR] [--include-path DIR]... | --version\n");
    return;
  }
  const name = process.env.BALLAST_SOLC_PACKAGE || "solc";
  let solc;
  try {
    solc = require(name);
  } catch (error) {
    fail(`npm package ${name} is not installed; run \`make setup\``);
  }
  if (options.version) {
    // Tools look for "Linux.g++" to learn that this is a release build of the usual shape.
    const version = solc.version().replace(/\.Emscripten.*$/, ".Linux.g++");
    writeAll(`solc, the solidity compiler commandline interface\nVersion: ${version}\n`);
    return;
  }
  if (!options["standard-json"]) fail("only --standard-json and --version are supported");
  const file = options.files[0];
  const input = fs.readFileSync(file === undefined || file === "-" ? 0 : file, "utf8");
  let output = solc.compile(input, { import: reader(options) });
  if (/"ast"\s*:/.test(output)) {
    const parsed = JSON.parse(output);
    for (const source of Object.values(parsed.sources ?? {})) source.ast = signIds(source.ast);
    output = JSON.stringify(parsed);
  }
  writeAll(output.endsWith("\n") ? output : output + "\n");
}

main();
