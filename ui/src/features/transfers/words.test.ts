import { describe, expect, it, vi } from "vitest";
import type { JobView, Step } from "../../generated/types";

vi.stubGlobal("document", { documentElement: { lang: "en" } });
const { about, heard, leftOut, progress, result, retries, share, stateOf, summary } = await import("./words");

const step = (over: Partial<Step> = {}): Step => ({
  stage: "sending",
  done: 34e6,
  total: 80e6,
  files: 3,
  files_total: 12,
  ...over,
});
const job = (over: Partial<JobView> = {}): JobView => ({
  id: 1,
  download: false,
  project: "p",
  kind: "dataset",
  name: "Scans",
  to: null,
  left_over: null,
  state: "running",
  step: step(),
  rate: null,
  left: null,
  outcome: null,
  error: null,
  ...over,
});
const view = { id: "", version: 1, files: 12, bytes: 80e6, bytes_sent: 20e6, chunks_reused: 9, bytes_reused: 61e6, skipped: [] };

describe("how far it is", () => {
  it("is told in bytes, files, speed and time, as soon as each is known", () => {
    expect(progress(job())).toBe("34 MB of 80 MB · 3 of 12 files");
    expect(progress(job({ rate: 12e6, left: 720 }))).toBe("34 MB of 80 MB · 3 of 12 files · 12 MB/s · about 12 minutes");
    expect(progress(job({ rate: 0 }))).toContain("Nothing moves");
    expect(progress(job({ state: "paused", rate: 12e6 }))).not.toContain("/s");
  });
  it("does not take packs that are checked for bytes", () => {
    const checking = job({ step: step({ stage: "checking", done: 1, total: 3 }), rate: 5, left: 5 });
    expect(progress(checking)).toBe("");
    expect(share(checking)).toBe(1);
  });
  it("is unknown while it is being read, and known where all files are empty", () => {
    expect(share(job({ step: step({ stage: "reading", total: 0 }) }))).toBeNull();
    expect(share(job({ step: null }))).toBeNull();
    expect(share(job({ step: step({ done: 0, total: 0, files: 6 }) }))).toBe(0.5);
  });
});

describe("how it ended", () => {
  const done = (value: unknown, download = false) =>
    job({ state: "done", download, outcome: { ending: "done", value, as_of_ms: null, name: null } });
  it("is one sentence with what did not have to be sent", () => {
    expect(result(done(view))).toBe(
      "12 files, 80 MB. 61 MB were already there. Checked against the server: all correct.",
    );
    expect(result(done({ ...view, unchanged: true }))).toBe("Nothing has changed since version 1: no new one was made.");
    expect(result(done({ ...view, files: 1, bytes_reused: 0 }))).toBe(
      "1 file, 80 MB. Checked against the server: all correct.",
    );
    expect(result(done({ files: 2, bytes: 5, skipped: [] }, true))).toBe(
      "2 files, 5 B. Every piece was checked: all correct.",
    );
  });
  it("lists what was left out, and nothing before the end", () => {
    const skipped = [{ path: "a", reason: "hidden" }];
    expect(leftOut(done({ ...view, skipped }))).toEqual(skipped);
    expect(leftOut(job())).toEqual([]);
  });
});

describe("what is not whole", () => {
  const ended = (ending: "done" | "partial", download = false) =>
    job({ state: "done", download, outcome: { ending, value: { ...view, skipped: [{ path: "a", reason: "hidden" }] }, as_of_ms: null, name: null } });
  it("is missing only where it was wanted, and tried again where that can help", () => {
    expect([stateOf(ended("done")), retries(ended("done"))]).toEqual(["Done", false]);
    expect([stateOf(ended("partial")), retries(ended("partial"))]).toEqual(["Done, but not all of it", true]);
    expect(retries(ended("partial", true))).toBe(false);
  });
  it("says where it was when the program ended", () => {
    const old = { project_name: "Brain scans", begun_ms: Date.UTC(2026, 10, 24, 12), files: 12, bytes: 340e6 };
    const waits = job({ state: "paused", step: null, left_over: old });
    expect(stateOf(waits)).toBe("Not finished");
    const said = about(waits);
    for (const part of ["Brain scans", "24, 2026", "12 files (340 MB) had been read.", "goes on where it was"]) {
      expect(said).toContain(part);
    }
    expect(about({ ...waits, left_over: { project_name: null, begun_ms: null, files: 0, bytes: 0 } })).toBe("It goes on where it was.");
    expect(summary([waits, job({ state: "paused" })])).toBe("1 not finished · 1 paused");
    expect(heard(waits, "x").mark).toBe("waiting");
  });
  it("says how far it is while it is paused", () => {
    expect(about(job({ state: "paused" }))).toBe("34 MB of 80 MB · 3 of 12 files. It goes on where it was.");
    expect(about(job({ state: "paused", step: null, download: true }))).toContain("begins again");
  });
});

describe("all of them", () => {
  it("fit one line", () => {
    const paused = job({ state: "paused" });
    expect(summary([job({ left: 65 }), job({ step: step({ done: 80e6 }) }), paused, job({ state: "failed" })])).toBe(
      "2 under way · 71 % · about 1 minute · 1 paused · 1 failed",
    );
    expect(summary([job({ step: null })])).toBe("1 under way");
    expect(summary([job({ state: "cancelled" }), job({ state: "done" })])).toBe("2 ended");
  });
  it("are read out at quarters only", () => {
    const marks = [0, 10, 24, 25, 49, 50, 99].map((done) => heard(job({ step: step({ done, total: 100 }) }), "x").mark);
    expect(marks).toEqual(["0", "0", "0", "25", "25", "50", "75"]);
    expect(heard(job({ state: "failed" }), "x").text).toBe("x: did not work");
  });
});
