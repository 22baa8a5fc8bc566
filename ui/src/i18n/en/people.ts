export const people = {
  title: "People",
  states: { checked: "Checked by you", "not-checked": "Not checked yet", changed: "Keys changed" },
  checkedOn: (date: string) => `Checked by you on ${date}`,
  changedOn: (date: string) => `Keys changed on ${date}`,
  keysSince: (date: string) => `these keys since ${date}`,
  roles: { owner: "Owner", contributor: "Contributor", reader: "Reader" },
  roleTexts: {
    owner: "Can do everything, also add and remove people.",
    contributor: "Can open, add and change everything in the project.",
    reader: "Can open everything, and change nothing.",
  },

  one: "Person",
  find: "Find a person",
  you: "You",
  none: "Nobody yet",
  noneText: "Here are the people you share projects with. Add somebody to a project, and they appear.",
  toProjects: "Go to projects",
  choose: "Choose a person to see their words and what you share.",
  sharedProjects: "Projects you are both in",
  sameProjects: (projects: string) => `${projects} together`,
  project: "project",
  projects: "projects",
  someMissing: (names: string) => `Not all projects could be looked at, so somebody may be missing: ${names}.`,

  words: (handle: string) => `Six words of ${handle}`,
  wordsText: (handle: string) => `What ${handle} sees under “My six words” must be the same, word for word.`,
  myWords: "My six words",
  myWordsText:
    "Everyone has six words. Read yours out when somebody wants to check that you are you: by phone or face to face, not by a message through this server. They are no secret.",
  myWordsToo: (handle: string) => `${handle} does the same with yours`,
  myWordsChange: "They stay the same until you change your Master Key.",

  check: "Check words",
  checkAgain: "Check again",
  checkTitle: (handle: string) => `Is this really ${handle}?`,
  checkText: (handle: string) => `Call or meet ${handle} and ask for their six words. Are these they?`,
  checkWhy: "If they are the ones you see here, nobody is sitting in between.",
  match: "They match",
  noMatch: "They don't match",
  checkedNow: (handle: string) => `Checked. These are the keys of ${handle}, and this computer will notice if they change.`,
  refused: (handle: string) => `Those are not the words of ${handle}`,
  refusedText: (handle: string) =>
    `Listen once more: a word misheard is the likely cause. If they really differ, somebody may be pretending to be ${handle}. Nothing was shared. Don't share anything with this account, and tell whoever runs the server.`,
  compareAgain: "Compare once more",

  unchecked: (handle: string) => `You haven't checked that this is really ${handle}. The server could be pretending.`,
  checkFirst: "Check first",
  shareAnyway: "Share anyway",
  changed: (handle: string, date: string) => `The keys of ${handle} changed on ${date}`,
  changedText: (handle: string) =>
    `This happens after a reset or a new Master Key, or if someone is pretending to be ${handle}. Share nothing new until you have checked.`,
};
