// Errors in the window's words. Rust's own sentences speak to people at a terminal; these replace them where they differ.
import type { Trouble } from "../backend";

interface Said {
  message: string;
  next: string;
}

const DIRECTORY =
  "Nobody new can be added until you decide. Compare the six words of those you share with, and ask whoever runs the server whether a backup was put back. If that explains it, `holdfast monitor --accept` in a terminal goes on; nothing is lost.";

const OTHERWISE: Record<string, Partial<Said>> = {
  "wrong-master-key": { next: "Check Caps Lock and the keyboard layout. Nothing was sent anywhere." },
  "weak-phrase": { next: "Add more words that don't belong together, or let Holdfast draw eight." },
  "second-secret-needed": {
    next: "Sign in with both. It stands on your Recovery Kit, and a computer that has it shows it in the settings, under Master Key.",
  },
  "second-secret-dropped": {
    next: "If you turned it off on another computer yourself, say so below. If not, type nothing: whoever runs the server may be after your Master Key.",
  },
  "bad-second-secret": { next: "Look at the kit again: 32 letters and digits in eight groups. Nothing was sent." },
  locked: { message: "Holdfast is locked.", next: "Unlock it and do this again." },
  keychain: { next: "Type your Master Key: it always opens." },
  "no-account": { message: "There is no account here yet.", next: "Make one, or sign in to yours." },
  "not-found": { next: "It may have been renamed or removed. Look at the list again." },
  ambiguous: { message: "More than one thing has this name.", next: "Rename one of them." },
  "already-exists": { next: "Choose another name." },
  invalid: { next: "Change it and try again." },
  unreachable: { message: "The server doesn't answer.", next: "Check the network. Nothing was lost; it can be done again." },
  "needs-https": { message: "This server speaks https.", next: "Begin its address with https:// and try again." },
  "server-certificate-changed": {
    message: "Somebody else may be answering for your server: its certificate is not the one that was confirmed here.",
    next: "Nothing was sent. Ask whoever runs the server, not by way of it, whether it has a new one. Only then lock Holdfast, sign in again and compare the new code.",
  },
  "server-certificate-unknown": {
    message: "This server's certificate is one that nobody vouches for.",
    next: "Nothing was sent. Test the address, and compare the server's code with what whoever runs it reads out.",
  },
  history: {
    next: "Don't enter anything new. Ask a teammate what they see, and tell whoever runs the server. Nothing on this computer was changed.",
  },
  "keys-changed": {
    next: "If they are somebody else's keys, call and compare the six security words. If they are yours, sign in again with the new Master Key.",
  },
  "directory-rollback": { next: DIRECTORY },
  "directory-fork": { next: DIRECTORY },
  "directory-unwitnessed": {
    next: "Try again in a minute; all else goes on meanwhile. If it stays, ask whoever runs the server, or a witness, what is wrong there. Where it is urgent, compare the six words with this person: that takes no witness.",
  },
  cancelled: { next: "It goes on where it was." },
};

/** A sentence and a next step for whatever went wrong. */
export function inWords(trouble: Trouble): Said {
  const other = OTHERWISE[trouble.code];
  const message = other?.message ?? trouble.message;
  // Some of Rust's sentences continue a line of a terminal.
  return { message: message.charAt(0).toUpperCase() + message.slice(1), next: other?.next ?? trouble.next };
}
