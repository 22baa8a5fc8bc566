export const people = {
  title: "People",
  states: { checked: "Checked by you", "not-checked": "Not checked yet", changed: "Keys changed" },
  checkedOn: (date: string) => `Checked by you on ${date}`,
  roles: { owner: "Owner", contributor: "Contributor", reader: "Reader" },
  roleTexts: {
    owner: "Can do everything, also add and remove people.",
    contributor: "Can open, add and change everything in the project.",
    reader: "Can open everything, and change nothing.",
  },
};
