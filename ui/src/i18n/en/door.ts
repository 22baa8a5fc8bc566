export const door = {
  welcome: "Where will your data live?",
  welcomeText: "Everything is locked on this computer before it goes anywhere. Wherever it lives, only you and the people you add can open it.",
  here: "Only on this computer",
  hereText: "Nothing to install, nothing leaves this machine. You can move to a team later.",
  team: "My team's server",
  teamText: "You have its address. It stores boxes it can't open.",
  invited: "I have an invitation",
  invitedText: "Somebody sent you a line of text that begins with holdfast-invitation.",
  existing: "I already have an account",
  existingText: "Open it on this computer with its Master Key or its Recovery Kit.",
  address: "Address of the server",
  addressHint: "For example https://files.example.org",
  reached: (version: string) => `It answers. Holdfast ${version}.`,
  check: "Test the address",
  invitation: "Your invitation",
  invitationHint: "Paste the whole line.",
  invitationFor: (server: string) => `For the server ${server}`,
  inviter: "Whoever invited you shows these six words as theirs. The invitation proves it; you need not compare them.",

  who: "Who are you?",
  whoText: "This signs you in. It does not open your data.",
  handle: "E-mail or name to sign in with",
  handleHint: "Small letters, no spaces. Teammates find you by it.",
  name: "Your name",
  nameHint: "As your teammates know you.",

  key: "Your Master Key",
  keyText: "The one phrase that opens everything. We don't have it and can't reset it.",
  generated: "Use these eight words",
  generatedText: "Drawn at random just now. Good for a lifetime.",
  own: "Type my own",
  ownText: "Long is good: six or more words that don't belong together.",
  newWords: "New words",
  theWords: "Your Master Key",
  writtenDown: "I have written it down",
  writeDown: "Write it down now, on paper. It is shown this once.",
  ownPhrase: "Your phrase",
  ownAgain: "Once more",
  differ: "The two are not the same.",
  show: "Show",
  hide: "Hide",
  strength: (time: string) => `A skilled attacker with the server's data would need ${time}.`,
  tooWeak: (bits: number, floor: number) =>
    `That could be guessed: it is worth about ${bits} bits, and ${floor} are needed. Add words that don't belong together.`,
  betterStill: "Each further word that has nothing to do with the others makes it 1,000 times harder.",
  years: (years: number) =>
    years < 1 / 8766
      ? "less than an hour"
      : years < 1 / 365
        ? "less than a day"
        : years < 1
          ? `about ${Math.round(years * 365)} days`
          : years < 1000
            ? `about ${Math.round(years)} years`
            : years < 1_000_000
              ? `about ${Math.round(years / 1000)} thousand years`
              : "longer than anyone can wait",
  capsLock: "Caps Lock is on.",
  keySize: "Size of the key pair",
  keySizeHint: "3072 bits are right for almost everybody. Larger ones take longer to make and to unlock.",
  bits: (bits: number) => `${bits} bits`,
  make: "Make my keys",
  making: "Making your keys",
  makingText: "They are computed from your Master Key alone, twice, and compared. This takes a moment; large ones take minutes.",

  kit: "Your Recovery Kit",
  kitText: "A spare key on paper. Whoever holds it can open your data. Keep it like a passport.",
  kitSave: "Save the kit as PDF",
  kitSaved: (path: string) => `Saved: ${path}. Print it, then keep the paper and delete the file.`,
  kitSkip: "Not now",
  kitSkipText: "Without it, a lost Master Key means lost data. You can make one later in the settings.",
  kitTest: "Take the kit and type two of its words, so that we both know it works.",
  kitWord: (place: number) => `Word ${place}`,
  kitWrong: "Those are not the two words. Look at the numbers on the kit again.",
  kitDone: "The kit works.",

  ready: "You are ready",
  readyText: "Make a first project now, or look around first.",
  firstProject: "Name of your first project",
  open: "Open Holdfast",

  unlock: "Unlock",
  unlockTitle: (handle: string) => `Welcome back, ${handle}`,
  unlocking: "Unlocking",
  masterKey: "Master Key",
  quick: "Unlock with this computer's keychain",
  quickDue: "It is two weeks since you typed your Master Key here. Type it once, so that you don't forget it; after that the keychain opens Holdfast again.",
  forgotten: "I can't remember it",
  forgottenText:
    "With your Recovery Kit you can set a new one. Without the kit and without the Master Key nobody can open your data, us included.",
  useKit: "Use my Recovery Kit",
  otherAccount: "Use another profile",
  tries: (seconds: number) => `Wait ${seconds} seconds before the next try.`,
  signIn: "Sign in on this computer",
  signInText: "Nothing is made: the account must exist.",
  signInDo: "Sign in",
  recover: "Set a new Master Key with your Recovery Kit",
  recoverText: "You need the 24 words of the kit. The kit ends with this; a new one is made.",
  kitWords: "The kit's 24 words",
  recoverDo: "Recover my account",
  theNewKey: "Your new Master Key",
};
