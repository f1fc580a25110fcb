/* A PAM module for the tests, with the few declarations of Linux-PAM that it needs.
 *
 *   ask           one turn of the conversation: a message, a hidden prompt and a visible one; "1" and "2" are right
 *   become=NAME   changes the user
 *   again=N       N turns of one prompt each
 *   maxtries      wants no more attempts
 *   new_password  the account's password must be changed
 */
#include <stdlib.h>
#include <string.h>

struct pam_message { int style; const char *text; };
struct pam_response { char *text; int code; };
struct pam_conv {
	int (*conversation)(int, const struct pam_message **, struct pam_response **, void *);
	void *data;
};
extern int pam_get_item(const void *, int, const void **);
extern int pam_set_item(void *, int, const void *);

enum { SUCCESS = 0, AUTH_ERR = 7, MAXTRIES = 11, NEW_AUTHTOK_REQD = 12, CONV_ERR = 19 };
enum { USER = 2, CONV = 5 };
enum { HIDDEN = 1, VISIBLE = 2, INFO = 4 };

static int turn(void *handle, int count, const struct pam_message **messages, struct pam_response **answers)
{
	const struct pam_conv *conv = NULL;
	if (pam_get_item(handle, CONV, (const void **)&conv) != SUCCESS || conv == NULL)
		return CONV_ERR;
	return conv->conversation(count, messages, answers, conv->data);
}

static int ask(void *handle)
{
	struct pam_message info = { INFO, "Two answers, please" }, one = { HIDDEN, "One: " }, two = { VISIBLE, "Two: " };
	const struct pam_message *messages[3] = { &info, &one, &two };
	struct pam_response *answers = NULL;
	int result = turn(handle, 3, messages, &answers);
	if (result != SUCCESS)
		return result;
	result = answers[0].text == NULL && strcmp(answers[1].text, "1") == 0 && strcmp(answers[2].text, "2") == 0
	    ? SUCCESS : AUTH_ERR;
	free(answers[1].text);
	free(answers[2].text);
	free(answers);
	return result;
}

static int again(void *handle, int times)
{
	struct pam_message prompt = { HIDDEN, "Again: " };
	const struct pam_message *messages[1] = { &prompt };
	while (times-- > 0) {
		struct pam_response *answer = NULL;
		int result = turn(handle, 1, messages, &answer);
		if (result != SUCCESS)
			return result;
		free(answer[0].text);
		free(answer);
	}
	return SUCCESS;
}

int pam_sm_authenticate(void *handle, int flags, int count, const char **words)
{
	(void)flags;
	for (int i = 0; i < count; i++) {
		int result = SUCCESS;
		if (strcmp(words[i], "ask") == 0)
			result = ask(handle);
		else if (strncmp(words[i], "again=", 6) == 0)
			result = again(handle, atoi(words[i] + 6));
		else if (strncmp(words[i], "become=", 7) == 0)
			result = pam_set_item(handle, USER, words[i] + 7);
		else if (strcmp(words[i], "maxtries") == 0)
			result = MAXTRIES;
		if (result != SUCCESS)
			return result;
	}
	return SUCCESS;
}

int pam_sm_setcred(void *handle, int flags, int count, const char **words)
{
	(void)handle, (void)flags, (void)count, (void)words;
	return SUCCESS;
}

int pam_sm_acct_mgmt(void *handle, int flags, int count, const char **words)
{
	(void)flags;
	for (int i = 0; i < count; i++) {
		if (strcmp(words[i], "new_password") == 0)
			return NEW_AUTHTOK_REQD;
		if (strncmp(words[i], "become=", 7) == 0)
			return pam_set_item(handle, USER, words[i] + 7);
	}
	return SUCCESS;
}
