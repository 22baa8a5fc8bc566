import { describe, expect, it, vi } from "vitest";
import type { JobView, Step } from "../../generated/types";

vi.stubGlobal("document", { documentElement: { lang: "en" } });
const { heard, leftOut, progress, result, share, summary } = await import("./words");

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
    job({ state: "done", download, outcome: { ending: "done", value } });
  it("is one sentence with what did not have to be sent", () => {
    expect(result(done(view))).toBe(
      "12 files, 80 MB. 61 MB were already there. Checked against the server: all correct.",
    );
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
