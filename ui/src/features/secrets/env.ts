// Variables that were pasted as the lines of a .env file. What is not plainly a variable is not guessed at.

export interface Variable {
  name: string;
  value: string;
}

const LINE = /^\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_.-]*)\s*=[ \t]*(.*?)\s*$/;

function unquoted(text: string): string | undefined {
  const single = /^'([^']*)'(?:\s+#.*)?$/.exec(text);
  if (single) return single[1];
  const double = /^"((?:[^"\\]|\\.)*)"(?:\s+#.*)?$/.exec(text);
  if (double) {
    const plain: Record<string, string> = { n: "\n", r: "\r", t: "\t" };
    return (double[1] ?? "").replace(/\\(.)/g, (whole, sign: string) => plain[sign] ?? ('"\\$`'.includes(sign) ? sign : whole));
  }
  if (/^["']/.test(text)) return undefined;
  // A comment begins after a space; a # inside a value is part of it.
  return text.replace(/(^|\s)#.*$/, "").trimEnd();
}

/** The variables of a text that is nothing but variables, comments and empty lines; otherwise undefined. */
export function variables(text: string): Variable[] | undefined {
  const found: Variable[] = [];
  const lines = text.replace(/\r\n?/g, "\n").split("\n");
  for (let at = 0; at < lines.length; at += 1) {
    let line = lines[at] ?? "";
    if (/^\s*(#.*)?$/.test(line)) continue;
    // A quoted value may go over several lines.
    let parts = LINE.exec(line.replaceAll("\n", " "));
    if (!parts) return undefined;
    let value = unquoted(parts[2] ?? "");
    while (value === undefined && at + 1 < lines.length) {
      at += 1;
      line += `\n${lines[at]}`;
      const start = line.indexOf("=") + 1;
      value = unquoted(line.slice(start).trim());
    }
    if (value === undefined) return undefined;
    found.push({ name: parts[1] ?? "", value });
  }
  return found.length > 0 ? found : undefined;
}
